"""EC2's calls as the stand-in provider makes them: Pulumi's inputs become requests, answers Pulumi's state."""

from collections.abc import Collection, Mapping
from typing import Any

from botocore import xform_name

from rehearsal.aws import model as aws_model
from rehearsal.aws.resource import Aws, Inputs, Outputs, Request, dictionary, listed


def call(aws: Aws, operation: str, **request: object) -> dict[str, Any]:
    """One call, by AWS's name of it."""
    answer: dict[str, Any] = getattr(aws.client("ec2"), xform_name(operation))(**request)
    return answer


def requested(operation: str, inputs: Inputs, *, tag: str = "", without: Collection[str] = ()) -> Request:
    """The request of a creating call; `tag` is what EC2 calls the kind of what is tagged."""
    own = {name: value for name, value in inputs.items() if name not in {"tags", "region", *without}}
    request: Request = aws_model.request(own, aws_model.operation("ec2", operation).input_shape)
    tags = inputs.get("tags") if tag else None
    return {**request, **({"TagSpecifications": [{"ResourceType": tag, "Tags": listed(tags)}]} if tags else {})}


def retag(aws: Aws, identity: str, inputs: Inputs, live: Mapping[str, str]) -> None:
    """Let it carry the tags that the inputs say, and no others."""
    wanted = inputs.get("tags", {})
    if stale := [{"Key": key} for key in live if key not in wanted]:
        call(aws, "DeleteTags", Resources=[identity], Tags=stale)
    call(aws, "CreateTags", Resources=[identity], Tags=listed(wanted))


def shown(live: Mapping[str, Any], members: Collection[str]) -> Outputs:
    """Some members of an answer, in Pulumi's spelling, and the tags."""
    tags = dictionary(live.get("Tags", []))
    members_shown = {f"{name[0].lower()}{name[1:]}": live[name] for name in members if name in live}
    return {**members_shown, "tags": tags, "tagsAll": tags}
