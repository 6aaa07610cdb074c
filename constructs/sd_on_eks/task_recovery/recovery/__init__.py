"""Two handlers that only ever write the table, in one asset; the callback follows from there.

    dead_letter  messages of the dead-letter queues
    reconciler   every five minutes: overdue tasks, tasks of removed runtimes, lost messages

Both are entry points, which read their settings when they are imported; what they do stands in the other modules.
"""
