"""The media plane: WebRTC connections of clients, over a packet engine that forwards and never decodes.

`plane.MediaPlane` is what the server uses; `shell.SocketEngine` is the engine to give it.
"""
