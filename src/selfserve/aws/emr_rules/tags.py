"""Which tags a cluster may carry.

Source: EMR Management Guide, "Tag and categorize EMR cluster resources"
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from selfserve.aws.emr_rules.limits import Json, too_many

MOST_TAGS = 50


def tags_problems(tags: Sequence[Json]) -> Iterator[str]:
    """The tags of a launch or of AddTags."""
    yield from too_many("Tags", tags, MOST_TAGS)
    for index, tag in enumerate(tags):
        yield from _tag_problems(tag, f"Tags[{index}]")
    for key, count in Counter(tag.get("Key") for tag in tags).items():
        if count > 1:
            yield f"Tags: the key {key!r} is given {count} times"


def _tag_problems(tag: Json, path: str) -> Iterator[str]:
    key = tag.get("Key", "")
    if not 1 <= len(key) <= 128:
        yield f"{path}.Key: must have 1 to 128 characters, not {len(key)}"
    if key.lower().startswith("aws:"):
        yield f"{path}.Key: the prefix aws: is reserved"
    if len(tag.get("Value", "")) > 256:
        yield f"{path}.Value: longer than 256 characters"
