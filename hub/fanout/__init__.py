"""Floor 3, the fan-out: from a batch of events to the bytes each view's sockets get.

``views`` holds who watches what and finds an event's views by index, ``judgement`` says what events
mean to a view, one by one or folded, ``delivery`` encodes and hands over, ``resuming`` says who must
begin anew, ``pictures`` reads first pictures (``statements``), ``calendar`` knows the school's day,
``explaining`` and ``watched`` say why somebody sees something. Nothing here knows a socket, a token or HTTP.
"""
