"""People in data sets of Ray, on as many machines as its cluster has (`multiposenet[ray]`).

>>> import ray
>>> import multiposenet.ray
>>> photos = ray.data.read_binary_files("s3://bucket/photos/", include_paths=True)
>>> found = multiposenet.ray.predict(photos, model="multiposenet-nano").materialize()
>>> multiposenet.ray.people(found).write_parquet("s3://bucket/people")
>>> multiposenet.ray.errors(found).write_parquet("s3://bucket/errors")
"""

from multiposenet.ray.prediction import errors, people, predict

__all__ = ["errors", "people", "predict"]
