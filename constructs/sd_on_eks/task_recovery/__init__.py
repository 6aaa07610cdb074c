"""Recovery: ends or publishes again the tasks whose message was lost or dead-lettered, or whose runtime was removed."""
