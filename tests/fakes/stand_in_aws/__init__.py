"""A stand-in for the four AWS services that an agent speaks to, with a set latency: for benchmarks only.

It answers as AWS does where nothing goes wrong, checks no signature and no condition, and counts the calls. What must
be right rather than fast is tested on the emulator.
"""
