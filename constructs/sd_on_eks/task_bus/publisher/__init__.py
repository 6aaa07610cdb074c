"""Two handlers on the task table's stream, in one asset: each publishes what the table says to one topic.

    relay     messages of new tasks -> input topic
    notifier  records that changed state -> output topic

They share how a batch is gone through and what happens to a record that can never be sent.
"""
