"""Floor 3, the fan-out: from a batch of events to the bytes each view's sockets get.

``views`` holds who watches what and finds an event's views by index, ``delivery`` encodes and
hands over, ``catchup`` conflates for those who fell behind, ``pictures`` reads first pictures.
Nothing here knows a socket, a token or HTTP.
"""
