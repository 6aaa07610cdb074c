"""`python -m bench_agent`: how well the agent keeps a GPU busy, compared with a sequential baseline.

case     a benchmark case: server, duration of an inference, images, number of tasks
run      one run of a case: stand-ins for AWS and the server, agents or the baseline, results
loop     the sequential baseline: receive, claim, infer, store, finish, delete, repeat
figures  the figures of a run, and their limits
chart    the GPU timeline of both, as a PNG
"""
