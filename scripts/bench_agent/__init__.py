"""`python -m bench_agent`: how well the agent keeps a GPU busy, beside a loop that does one thing after the other.

case     what is measured: server, seconds of an inference, pictures, number of tasks
run      one run of a case: stand-ins for AWS and the server, agents or the loop, what came of it
loop     the reference: receive, claim, infer, store, finish, delete, and again
figures  what is computed of a run, and its limits
chart    the GPU's time line of both, as a PNG
"""
