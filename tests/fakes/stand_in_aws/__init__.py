"""A stand-in for the four AWS services of the agent, with a configurable latency: for benchmarks only.

It returns the success responses of AWS, validates no signatures and conditions, and counts the calls. Correctness is
tested on the emulator.
"""
