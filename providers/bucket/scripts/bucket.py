#!/usr/bin/python3
"""Makes, reads, changes and removes the resource's bucket. Whatever an earlier attempt did is found and kept."""

import hashlib
import json
import os
import re
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

# Holds what only the administrator may read: the key of each bucket, so that it can be told again.
KEYS = "slipway-keys"
POLICY = "bucket"
# Worth another try (EX_TEMPFAIL): the workflows name it.
MAY_PASS = 75
SOON_OPEN_S = 20


class Refused(Exception):
    """What a person must mend. The text is the last line of the log, which the resource shows."""


def main():
    operation = {"create": create, "read": read, "update": update, "delete": delete}[sys.argv[1]]
    try:
        operation(name())
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(1)
    except (ConnectionError, HTTPClientError) as error:
        print(f"the object store does not answer: {error}", file=sys.stderr)
        sys.exit(MAY_PASS)
    except ClientError as error:
        print(f"the object store refuses: {error}", file=sys.stderr)
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        sys.exit(MAY_PASS if status >= 500 or status == 429 else 1)


def create(bucket):
    try:
        s3.create_bucket(Bucket=bucket, **location())
    except ClientError as error:
        if code(error) == "BucketAlreadyExists":
            raise Refused(f"bucket {bucket} belongs to someone else in this store") from error
        if code(error) != "BucketAlreadyOwnedByYou":
            raise
    settle(bucket)
    grant(bucket)
    give(bucket, key_of(bucket))
    print(f"bucket {bucket} is ready")


def read(bucket):
    must_exist(bucket)
    key = stored_key(bucket)
    if key is None:
        raise Refused(f"bucket {bucket} is there, and its key is not: an update makes a new one")
    give(bucket, key)
    print(f"bucket {bucket} is there and opens with its key")


def update(bucket):
    must_exist(bucket)
    settle(bucket)
    grant(bucket)
    give(bucket, key_of(bucket))
    print(f"bucket {bucket} is as it should be")


def delete(bucket):
    if exists(bucket):
        if os.environ["DELETE_OBJECTS"] == "true":
            # Nobody adds to it while it is emptied.
            remove_user(bucket)
            empty(bucket)
        refuse_if_filled(bucket)
        try:
            s3.delete_bucket(Bucket=bucket)
        except ClientError as error:
            # Filled since.
            if code(error) == "BucketNotEmpty":
                refuse_if_filled(bucket)
            if code(error) != "NoSuchBucket":
                raise
    remove_user(bucket)
    print(f"bucket {bucket} is gone")


def name():
    """What the resource's bucket and user are called: a readable part, cut, and the hash of the whole."""
    app, resource = os.environ["APP_NAME"], os.environ["RESOURCE_NAME"]
    digest = hashlib.sha256(f"{app}\n{resource}".encode()).hexdigest()[:10]
    readable = re.sub("[^a-z0-9]+", "-", f"{app}-{resource}".lower())[:45].strip("-")
    return f"{readable or 'bucket'}-{digest}"


def location():
    """Amazon's first region is the one that may not be named."""
    region = s3.meta.region_name
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def exists(bucket):
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code(error) in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def must_exist(bucket):
    if not exists(bucket):
        raise Refused(f"there is no bucket {bucket}")


def settle(bucket):
    """Versioning and tags as the parameters say. A bucket that had versions keeps them when it gets no more."""
    wanted = os.environ["VERSIONING"] == "true"
    if wanted or versioning(bucket):
        status = "Enabled" if wanted else "Suspended"
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    labels = json.loads(os.environ["LABELS"])
    tags = {**labels, "slipway-app": os.environ["APP_NAME"], "slipway-resource": os.environ["RESOURCE_NAME"]}
    for label, text in tags.items():
        if not isinstance(text, str):
            raise Refused(f"params.labels.{label} must be a text")
    s3.put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": [{"Key": label, "Value": text} for label, text in tags.items()]}
    )


def versioning(bucket):
    return s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def grant(bucket):
    """A user who may work with the objects of this bucket, and do nothing else."""
    try:
        iam.create_user(UserName=bucket)
    except ClientError as error:
        if code(error) not in ("EntityAlreadyExists", "EntityAlreadyExistsException"):
            raise
    arn = f"arn:aws:s3:::{bucket}"
    about_bucket = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketVersioning"]
    about_objects = [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectTagging",
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:DeleteObjectTagging",
        "s3:AbortMultipartUpload",
    ]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": about_bucket, "Resource": arn},
            {"Effect": "Allow", "Action": about_objects, "Resource": f"{arn}/*"},
        ],
    }
    iam.put_user_policy(UserName=bucket, PolicyName=POLICY, PolicyDocument=json.dumps(policy))


def key_of(bucket):
    """The key that is written down, made first if need be. Of attempts that race the first to write wins, and the others
    find that out by reading. Keys that nobody wrote down are removed once one is."""
    for _ in range(5):
        stored, known = stored_key(bucket), key_ids(bucket)
        if stored and stored["access_key_id"] in known:
            for other in known:
                if other != stored["access_key_id"]:
                    remove_key(bucket, other)
            return stored
        if stored:
            s3.delete_object(Bucket=KEYS, Key=bucket)
        try:
            made = iam.create_access_key(UserName=bucket)["AccessKey"]
        except ClientError as error:
            if code(error) not in ("LimitExceeded", "LimitExceededException"):
                raise
            for other in known:
                remove_key(bucket, other)
            continue
        key = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
        write_if_absent(bucket, json.dumps(key))
    raise Refused(f"others keep changing the key of bucket {bucket}")


def stored_key(bucket):
    try:
        return json.load(s3.get_object(Bucket=KEYS, Key=bucket)["Body"])
    except ClientError as error:
        if code(error) in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise


def write_if_absent(key, text):
    try:
        s3.create_bucket(Bucket=KEYS, **location())
    except ClientError as error:
        if code(error) != "BucketAlreadyOwnedByYou":
            raise
    try:
        s3.put_object(Bucket=KEYS, Key=key, Body=text.encode())
    except ClientError as error:
        if code(error) not in ("PreconditionFailed", "412"):
            raise


def only_if_absent(request, **_):
    request.headers["If-None-Match"] = "*"


def key_ids(user):
    try:
        pages = iam.get_paginator("list_access_keys").paginate(UserName=user)
        return [key["AccessKeyId"] for page in pages for key in page["AccessKeyMetadata"]]
    except ClientError as error:
        if code(error) in MISSING:
            return []
        raise


def remove_key(user, key_id):
    ignoring_missing(iam.delete_access_key, UserName=user, AccessKeyId=key_id)


def remove_user(user):
    """Its keys open nothing from here on."""
    for key_id in key_ids(user):
        remove_key(user, key_id)
    ignoring_missing(iam.delete_user_policy, UserName=user, PolicyName=POLICY)
    ignoring_missing(iam.delete_user, UserName=user)
    ignoring_missing(s3.delete_object, Bucket=KEYS, Key=user)


def versions(bucket):
    """Pages of all there is in it: versions and the marks of deletions."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


def refuse_if_filled(bucket):
    first = next((found[0]["Key"] for found in versions(bucket) if found), None)
    if first is not None:
        raise Refused(
            f"bucket {bucket} is not empty: it holds '{first}', for one. Nothing was removed. Empty it (earlier versions"
            " too), or set params.delete_objects to true and deploy; then delete again"
        )


def empty(bucket):
    removed = 0
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for found in versions(bucket):
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if not objects:
            continue
        errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
        if errors:
            raise Refused(f"'{errors[0]['Key']}' in bucket {bucket} cannot be removed: {errors[0]['Message']}")
        removed += len(objects)
        print(f"removed {removed} objects and versions")


def give(bucket, key):
    """Opens the bucket with its own key, and writes the outputs. A large store needs a while until it knows a key."""
    own = client("s3", **{f"aws_{part}": text for part, text in key.items()})
    deadline = time.monotonic() + SOON_OPEN_S
    while True:
        try:
            own.head_bucket(Bucket=bucket)
            break
        except ClientError as error:
            if time.monotonic() > deadline:
                print(f"bucket {bucket} does not open with its key: {error}", file=sys.stderr)
                sys.exit(MAY_PASS)
        time.sleep(0.5)
    outputs = {
        "endpoint": os.environ["PUBLIC_ENDPOINT"],
        "region": s3.meta.region_name,
        "bucket": bucket,
        "versioning": versioning(bucket),
        **key,
    }
    with open(os.environ["SLIPWAY_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump(outputs, file)


MISSING = ("NoSuchEntity", "NoSuchEntityException", "NoSuchKey", "NoSuchBucket")


def ignoring_missing(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        if code(error) not in MISSING:
            raise


def code(error):
    return error.response["Error"]["Code"]


def client(service, **key):
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "max_attempts": 4},
        # A name in front of the store's would not lead to it.
        s3={"addressing_style": "path"},
    )
    return boto3.client(service, endpoint_url=os.environ["S3_ENDPOINT"], config=config, **key)


s3, iam = client("s3"), client("iam")
# This version of boto3 has no parameter for it.
s3.meta.events.register("before-sign.s3.PutObject", only_if_absent)

if __name__ == "__main__":
    main()
