"""ComfyUI, by its HTTP API and its websocket.

https://docs.comfy.org/development/comfyui-server/comms_routes

    server          whether it is ready, how it is stopped, how a task is prepared
    workflow        the graph: what it needs, what it holds, what it is like
    uploads         inputs, on their way to the server's disk
    request         one inference
    events          what the server says meanwhile
    watch           what can be asked where it says nothing
    progress        how much is done
    outputs         what came out
    ui_values       what nodes show, of which some are outputs
    socket_images   images that come by the websocket
    finished_files  which files nobody needs any more
    refusal         the server's own words on what it did not do
"""

from queue_agent.runtimes.comfyui.server import ComfyUi

__all__ = ["ComfyUi"]
