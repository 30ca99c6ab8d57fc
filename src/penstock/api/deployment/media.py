"""What a resource is served as (Camunda 7 `DeploymentResourcesResourceImpl`)."""

MEDIA_TYPES = {
    **dict.fromkeys(("bpmn", "cmmn", "dmn", "xml"), "application/xml"),
    "json": "application/json",
    "gif": "image/gif",
    **dict.fromkeys(("jpeg", "jpe", "jpg"), "image/jpeg"),
    "png": "image/png",
    "svg": "image/svg+xml",
    **dict.fromkeys(("tiff", "tif"), "image/tiff"),
    **dict.fromkeys(("groovy", "java", "js", "php", "py", "rb", "txt"), "text/plain"),
    "html": "text/html",
}
"""What a resource is served as, by the extension of its name (Camunda 7 `DeploymentResourcesResourceImpl`)."""


def media_type(name: str) -> str:
    """The media type of a resource by its name."""
    return MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
