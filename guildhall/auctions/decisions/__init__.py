"""What an auction decides, as functions of plain values: no query, no write, no clock of their own.

A service locks, reads one state (`state.SessionState`, `funds.Funds`), has it decided here and writes the decision:

- `bid.decide_bid`: whether a bid is accepted, and what it changes;
- `removal.decide_removal`: who leads when a bid is taken out;
- `closing.decide_closing`, `closing.decide_next`: who wins, at what price, and who is passed over;
- `award.decide_award`: which winners are served, or who is served instead.

A refusal is the `GuildhallError` that the function raises. The rules of who may bid are in `auctions/eligibility.py`, the
ranking and the tie-breaks in `auctions/resolution.py`. Tested without a database in `auctions/tests/decisions/`.
"""
