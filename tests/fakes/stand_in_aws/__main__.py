"""`python -m tests.fakes.stand_in_aws --port 9000 --latency-ms 15`: the stand-in on loopback."""

import argparse

from aiohttp import web

from .application import make_app


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(
        description="A stand-in for SQS, DynamoDB, S3 and CloudWatch Logs, for benchmarks only."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=15.0, help="how long every call takes (default 15)")
    options = parser.parse_args()
    web.run_app(make_app(options.latency_ms / 1000), host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
