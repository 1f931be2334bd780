"""The witness: the published network in Theano and Lasagne, one source for Python 2.7 and 3.8 or 3.9.

``python -m legacy.record REQUEST.npz TRACE.npz`` runs it. Nothing of this project is imported from here outside this room.
"""
