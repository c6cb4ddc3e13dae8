"""Site and pipeline as frozen typed models, read from YAML; what is wrong is said with file and line."""

from ropeway.config.loading import load_pipeline, load_site, parse_pipeline, parse_site
from ropeway.config.pipeline import Pipeline
from ropeway.config.site import Site

__all__ = ["Pipeline", "Site", "load_pipeline", "load_site", "parse_pipeline", "parse_site"]
