"""Two handlers in one asset. They write the task table only; the notifier publishes the callbacks.

    dead_letter  processes messages of the dead-letter queues
    reconciler   every five minutes: overdue tasks, tasks of removed runtimes, lost messages

Both modules are entry points and read their settings when they are imported; the logic is in the other modules.
"""
