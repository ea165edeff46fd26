"""A small S3-compatible store, which lets nobody in whose signature it cannot make itself.

The signature is worked out by `botocore`, from what came over the wire.
"""

import asyncio
import hashlib
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import uuid4
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import uvicorn
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request
from starlette.responses import Response

ACCESS_KEY, SECRET_KEY, REGION = "AKIAEXAMPLE", "the secret of the bucket/+", "eu-central-1"


@dataclass
class Kept:
    body: bytes
    at: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class Store:
    """One bucket in memory."""

    bucket: str = "crm-files"
    objects: dict[str, Kept] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    largest: int = 0
    """The largest body that came in one request."""
    broken: int = 0
    """So many requests are answered with an error that is worth another try."""
    url: str = ""

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        self.largest = max(self.largest, len(body))
        self.requests.append(f"{request.method} {scope['path']}?{request.url.query}")
        if self.broken:
            self.broken -= 1
            answer = Response("<Error><Code>SlowDown</Code></Error>", 503)
        elif not signed(request, body):
            self.refused.append(request.method)
            answer = failure(403, "SignatureDoesNotMatch")
        else:
            answer = self.answer(request, body)
        await answer(scope, receive, send)

    def answer(self, request: Request, body: bytes) -> Response:
        _, bucket, *rest = request.scope["path"].split("/", 2)
        if bucket != self.bucket:
            return failure(404, "NoSuchBucket")
        key, query = rest[0] if rest else "", request.query_params
        if "uploads" in query:
            id = uuid4().hex
            self.uploads[id] = {}
            return xml(
                f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>"
                f"<UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            )
        if "uploadId" in query:
            return self.of_upload(request, key, query["uploadId"], body)
        if not key or "list-type" in query:
            return self.listed(query.get("prefix", ""), query.get("continuation-token"))
        return getattr(self, request.method.lower())(request, key, body)

    def of_upload(self, request: Request, key: str, id: str, body: bytes) -> Response:
        if id not in self.uploads:
            return failure(404, "NoSuchUpload")
        if request.method == "PUT":
            self.uploads[id][int(request.query_params["partNumber"])] = body
            return Response(headers={"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'})
        parts = self.uploads.pop(id)
        if request.method == "DELETE":
            return Response(status_code=204)
        told = [
            int(e.text or 0) for e in ET.fromstring(body).iter() if e.tag.endswith("PartNumber")
        ]
        assert told == sorted(parts)
        self.objects[key] = Kept(b"".join(parts[n] for n in told), datetime.now(UTC))
        etag = escape(self.objects[key].etag)
        return xml(
            f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key><ETag>{etag}</ETag>"
            "</CompleteMultipartUploadResult>"
        )

    def put(self, request: Request, key: str, body: bytes) -> Response:
        self.objects[key] = Kept(body, datetime.now(UTC))
        return Response(headers={"ETag": self.objects[key].etag})

    def get(self, request: Request, key: str, body: bytes) -> Response:
        if key not in self.objects:
            return failure(404, "NoSuchKey")
        kept = self.objects[key]
        headers = {"ETag": kept.etag, "Last-Modified": format_datetime(kept.at, usegmt=True)}
        wanted = request.headers.get("range")
        if wanted is None:
            return Response(kept.body, 200, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        end = min(int(last) + 1 if last else len(kept.body), len(kept.body))
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(kept.body)}"
        return Response(kept.body[int(first) : end], 206, headers)

    def head(self, request: Request, key: str, body: bytes) -> Response:
        found = self.get(request, key, body)
        size = found.headers["content-length"]
        answer = Response(None, found.status_code, dict(found.headers))
        answer.headers["content-length"] = size
        return answer

    def delete(self, request: Request, key: str, body: bytes) -> Response:
        self.objects.pop(key, None)
        return Response(status_code=204)

    def post(self, request: Request, key: str, body: bytes) -> Response:
        return failure(405, "MethodNotAllowed")

    def listed(self, prefix: str, after: str | None) -> Response:
        """Two at a time, so that whoever lists has to go on."""
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > (after or ""))
        some, more = keys[:2], len(keys) > 2
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key].body)}</Size>"
            f"<LastModified>{self.objects[key].at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(self.objects[key].etag)}</ETag></Contents>"
            for key in some
        )
        token = f"<NextContinuationToken>{escape(some[-1])}</NextContinuationToken>" if more else ""
        return xml(
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
            f"<KeyCount>{len(some)}</KeyCount>{contents}</ListBucketResult>"
        )


def signed(request: Request, body: bytes) -> bool:
    """Whether the request is signed by the holder of the key, body included."""
    given = request.headers.get("authorization", "")
    scheme, _, rest = given.partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return False
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key, day, region, service, _ = parts["Credential"].split("/")
    if (key, region, service) != (ACCESS_KEY, REGION, "s3"):
        return False
    told = request.headers["x-amz-content-sha256"]
    if told != hashlib.sha256(body).hexdigest():
        return False
    names = parts["SignedHeaders"].split(";")
    headers = {name: request.headers[name] for name in names}
    query = request.scope["query_string"].decode()
    raw = request.scope["raw_path"].decode().partition("?")[0]
    url = f"http://{request.headers['host']}{raw}" + (f"?{query}" if query else "")
    again = AWSRequest(request.method, url, headers=headers, data=body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    assert request.headers["x-amz-date"].startswith(day)
    auth = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    canonical = auth.canonical_request(again)
    return parts["Signature"] == auth.signature(auth.string_to_sign(again, canonical), again)


def failure(status: int, code: str) -> Response:
    return xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)


def xml(text: str, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0"?>{text}', status, media_type="application/xml")


@asynccontextmanager
async def serving(store: Store | None = None):
    """A store that listens on this machine while the block lasts."""
    store = store or Store()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(store, log_level="critical", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    store.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        while not server.started:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)
        yield store
    finally:
        server.should_exit = True
        await task
        listener.close()
