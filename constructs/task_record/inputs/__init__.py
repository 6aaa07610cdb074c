"""What a task may refer to: told wrong at submit by the task API, fetched by the agent.

image_fields     where a body of the SD Web UI holds pictures
script_links     links in arguments of its scripts, which the server would follow itself
links            what is a link, and what one to S3 names
workflow_files   where a workflow of ComfyUI names its inputs
public_hosts     which hosts a link may name
kinds            what inputs may be
sizes            how large inputs may be
"""
