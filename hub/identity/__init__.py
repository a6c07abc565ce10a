"""Who is asking: tokens verified, keys fetched, the people behind them known.

``tokens`` verifies a JWT, ``keys`` fetches what it is verified with, ``issuer`` stands in
for Cognito in development, ``directory`` knows the people. What someone may do is no
question for this room: ``hub.rules.access`` answers it. Invariant: nothing here reads a
role from a token, and no token, key or claim reaches a log.
"""
