"""What an index shows of plainnet: the README, with links that lead to the repository.

The repository's address is not written down anywhere. PLAINNET_REPOSITORY says it where it is
known, as in the workflow that publishes; without it the links stay relative, as in a clone.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """The fields of pyproject.toml that are dynamic, the version apart."""

    def update(self, metadata: dict) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        address, metadata["urls"] = os.environ.get("PLAINNET_REPOSITORY"), {}
        if address:
            tag = f"v{metadata['version']}"
            text = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{address}/raw/{tag}/", text)
            text = re.sub(r"(\]\()(?!https?:)", rf"\1{address}/blob/{tag}/", text)
            metadata["urls"] = {
                "Repository": address,
                "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
