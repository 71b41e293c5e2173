"""Run the fake by hand: ``python -m tests.fake_discord --port 8999 [--interactions-url URL]``."""

from __future__ import annotations

import argparse
import sys

from .server import FakeDiscordServer
from .state import DEMO_CLIENT_ID, DEMO_WEBHOOK_TOKEN


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_discord", description=__doc__)
    parser.add_argument("--port", type=int, default=8999)
    parser.add_argument("--interactions-url", default="http://127.0.0.1:8000/api/discord/interactions/")
    parser.add_argument("--error-rate", type=float, default=0.0, help="share of requests answered 5xx")
    parser.add_argument("--cut-rate", type=float, default=0.0, help="share of connections cut")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--print-env", action="store_true", help="print the settings for Guildhall and exit")
    args = parser.parse_args(argv)
    server = FakeDiscordServer(0 if args.print_env else args.port, seed=args.seed)
    if args.print_env:
        base = f"http://127.0.0.1:{args.port}"
        values = {**server.settings(), "DISCORD_API_BASE": f"{base}/api/v10", "DISCORD_OAUTH_BASE": base}
        for number, name in enumerate(["STATUS", "RAIDS", "AWARDS", "AUCTIONS", "APPLICATIONS"], start=1):
            hook = f"95000000000000000{number}"
            values[f"DISCORD_WEBHOOK_{name}"] = f"{base}/api/webhooks/{hook}/{DEMO_WEBHOOK_TOKEN}"
        values["DISCORD_WEBHOOK_VOTES"] = values["DISCORD_WEBHOOK_APPLICATIONS"]
        print("\n".join(f"{k}={v}" for k, v in values.items()))
        return 0
    server.state.seed_demo()
    server.state.applications[DEMO_CLIENT_ID].interactions_url = args.interactions_url
    server.faults.error_rate, server.faults.cut_rate = args.error_rate, args.cut_rate
    print(f"pretend Discord at {server.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
