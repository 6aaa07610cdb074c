from sd_on_eks.config.workload import Persistence
from sd_on_eks.manifests.model_volume import model_volume_source, volume_name


def test_volume_name_changes_with_the_source_and_with_nothing_else() -> None:
    source = model_volume_source(bucket_name="models", region="us-east-1", config=Persistence())
    other = model_volume_source(bucket_name="other", region="us-east-1", config=Persistence())
    name = volume_name(runtime_name="sd", resolved_source=source)
    assert name == volume_name(runtime_name="sd", resolved_source=dict(reversed(source.items())))
    assert name != volume_name(runtime_name="sd", resolved_source=other)
