"""Two handlers of the task table's stream, in one asset: each publishes changes of the table to one topic.

    relay     messages of new tasks -> input topic
    notifier  callbacks of records whose status changed -> output topic

They share how a batch is processed, and what happens to a record that cannot be published.
"""
