"""The GraphQL operations that wandb needs for a run. Each row is a function from variables to an answer."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.support.wandb_runs import EVENTS, HISTORY, MANIFEST, OUTPUT, SUMMARY, Json, Store, StoredArtifact, StoredRun

Answer = Callable[[Store, Mapping[str, Any]], Json]


def operation_name(asked: Json) -> str:
    """The name of the operation of a GraphQL request. W&B's public API leaves its field empty."""
    found = re.search(r"\b(?:query|mutation)\s+(\w+)", str(asked.get("query")))
    return asked.get("operationName") or (found.group(1) if found else "")


def answer(store: Store, asked: Json) -> Json | None:
    """The body of the answer; None for an unknown operation."""
    operation = OPERATIONS.get(operation_name(asked))
    return None if operation is None else {"data": operation(store, asked.get("variables") or {})}


def node_id(kind: str, name: object) -> str:
    """An id in W&B's form. wandb decodes some of them."""
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


# The viewer, and the features of the server.


def viewer(store: Store, asked: Mapping[str, Any]) -> Json:
    entity = store.entity
    found = {"id": node_id("User", 1), "name": entity, "entity": entity, "username": entity, "flags": "{}"}
    lists: Json = {"teams": {"edges": []}, "apiKeys": {"edges": []}}
    return {"viewer": {**found, **lists, "email": f"{entity}@example.com", "admin": False, "deletedAt": None}}


def server_features(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"serverInfo": {"features": []}}  # wandb works without any


def input_fields(store: Store, asked: Mapping[str, Any]) -> Json:
    fields = ("clientID", "sequenceClientID", "tags", "ttlDurationSeconds", "type")  # what wandb before 0.27 looks for
    return {"TypeInfo": {"inputFields": [{"name": name} for name in fields]}}


def capabilities(store: Store, asked: Mapping[str, Any]) -> Json:
    return {name: {"fields": []} for name in ("QueryType", "MutationType", "ServerInfoType")}  # wandb before 0.22 asks


def organization(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"entity": {"organization": None}}


# Runs.


def project_of(run: StoredRun) -> Json:
    entity = run.asked["entity"]
    name = run.asked["project"]
    return {
        "id": node_id("Project", name),
        "name": name,
        "entity": {"id": node_id("Entity", entity), "name": entity},
    }


def upsert_bucket(store: Store, asked: Mapping[str, Any]) -> Json:
    run, is_new = store.upsert(dict(asked))
    bucket = {
        "id": node_id("Run", asked["name"]),
        "name": asked["name"],
        "displayName": run.asked["displayName"],
        "description": None,
        "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
        "sweepName": None,
        "project": project_of(run),
        "historyLineCount": len(run.lines(HISTORY)),
    }
    return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}


def resume_status(store: Store, asked: Mapping[str, Any]) -> Json:
    run = store.runs.get(asked["name"])
    if run is None:
        return {"model": None}
    bucket = {
        "id": node_id("Run", asked["name"]),
        "name": asked["name"],
        "summaryMetrics": next(reversed(run.lines(SUMMARY)), "{}"),
        "displayName": run.asked["displayName"],
        "logLineCount": len(run.lines(OUTPUT)),
        "historyLineCount": len(run.lines(HISTORY)),
        "eventsLineCount": len(run.lines(EVENTS)),
        "historyTail": json.dumps(run.lines(HISTORY)[-1:]),
        "eventsTail": json.dumps(run.lines(EVENTS)[-1:]),
        "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
        "tags": run.asked.get("tags") or [],
        "notes": run.asked.get("notes"),
        "wandbConfig": json.dumps({"t": run.config.get("_wandb", {}).get("t")}),  # set when the run has begun
    }
    return {"model": {**project_of(run), "bucket": bucket}}


def stored_run(store: Store, asked: Mapping[str, Any]) -> StoredRun | None:
    """The run that W&B's public API requests by entity, project and name; None if it is unknown."""
    run = store.runs.get(asked["name"])
    there = run is not None and (run.asked["entity"], run.asked["project"]) == (asked["entity"], asked["project"])
    return run if there else None


def run_of_api(store: Store, asked: Mapping[str, Any]) -> Json:
    run = stored_run(store, asked)
    if run is None:
        return {"project": None}
    state = "running" if run.exit_code is None else "finished"
    found = {"id": node_id("Run", asked["name"]), "name": asked["name"], "state": state, "projectId": "1"}
    return {"project": {"run": {**found, "config": "{}", "summaryMetrics": "{}"}}}


def history_keys(store: Store, asked: Mapping[str, Any]) -> Json:
    run = stored_run(store, asked)
    if run is None:
        return {"project": None}
    last = max((json.loads(line)["_step"] for line in run.lines(HISTORY)), default=-1)
    return {"project": {"run": {"historyKeys": {"lastStep": last, "keys": {}}}}}


def delete_run(store: Store, asked: Mapping[str, Any]) -> Json:
    deleted = next(name for name in store.runs if node_id("Run", name) == asked["id"])
    del store.runs[deleted]
    return {"deleteRun": {"clientMutationId": None}}


def run_files(store: Store, asked: Mapping[str, Any]) -> Json:
    run = stored_run(store, asked)
    if run is None:
        return {"project": None}
    prefix = (asked.get("pattern") or "").rstrip("%")
    nodes = [
        {"id": name, "name": name, "url": store.place(run.files, name), "sizeBytes": len(content)}
        for name, content in run.files.items()
        if name.startswith(prefix)
    ]
    files = {"edges": [{"node": node, "cursor": node["id"]} for node in nodes], "pageInfo": {"hasNextPage": False}}
    return {"project": {"internalId": "1", "run": {"fileCount": len(nodes), "files": files}}}


def stopped_status(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"project": {"run": {"stopped": False}}}


def create_run_files(store: Store, asked: Mapping[str, Any]) -> Json:
    files = store.runs[asked["run"]].files
    places = [{"name": name, "uploadUrl": store.place(files, name)} for name in asked["files"]]
    return {"createRunFiles": {"runID": node_id("Run", asked["run"]), "uploadHeaders": [], "files": places}}


def mark_run_files(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"markRunFilesUploaded": {"success": True}}


def run_alert(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"notifyScriptableRunAlert": {"success": True}}


# Artifacts.


def input_of(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input of a mutation. An older wandb sends each of its fields as a variable."""
    found: Mapping[str, Any] = asked.get("input") or asked
    return found


def artifact_type(store: Store, asked: Mapping[str, Any]) -> Json:
    found = store.latest(asked.get("project") or asked["projectName"], asked["name"].partition(":")[0])
    artifact = None if found is None else {"artifactType": {"name": found.asked["artifactTypeName"]}}
    return {"project": {"artifact": artifact}}


def create_artifact(store: Store, asked: Mapping[str, Any]) -> Json:
    made = store.make_artifact(dict(input_of(asked)))
    latest = store.latest(*made.key)
    found = {
        "id": node_id("Artifact", made.id),
        "state": "COMMITTED" if made.committed else "PENDING",
        "artifactSequence": {"latestArtifact": None if latest is None else {"id": node_id("Artifact", latest.id)}},
    }
    return {"createArtifact": {"artifact": found}}


def create_manifest(store: Store, asked: Mapping[str, Any]) -> Json:
    artifact = artifact_of(store, asked["artifactID"])
    return {"createArtifactManifest": manifest(store, asked, artifact)}


def update_manifest(store: Store, asked: Mapping[str, Any]) -> Json:
    artifact = artifact_of(store, asked["artifactManifestID"])
    return {"updateArtifactManifest": manifest(store, asked, artifact)}


def manifest(store: Store, asked: Mapping[str, Any], artifact: StoredArtifact) -> Json:
    url = store.place(artifact.manifests, MANIFEST) if asked.get("includeUpload") else None
    file: Json = {"id": "file", "uploadUrl": url, "uploadHeaders": []}
    return {"artifactManifest": {"id": node_id("ArtifactManifest", artifact.id), "file": file}}


def create_artifact_files(store: Store, asked: Mapping[str, Any]) -> Json:
    edges = []
    for spec in input_of(asked)["artifactFiles"]:
        files = artifact_of(store, spec["artifactID"]).files
        node = {
            "storagePath": spec["md5"],
            "uploadUrl": store.place(files, spec["name"]),
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": spec["artifactID"]},
        }
        edges.append({"node": node})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def commit_artifact(store: Store, asked: Mapping[str, Any]) -> Json:
    artifact = artifact_of(store, asked["artifactID"])
    artifact.committed = True
    return {"commitArtifact": {"artifact": {"id": asked["artifactID"], "digest": artifact.asked["digest"]}}}


def use_artifact(store: Store, asked: Mapping[str, Any]) -> Json:
    return {"useArtifact": {"artifact": {"id": input_of(asked)["artifactID"]}}}


def client_id_mapping(store: Store, asked: Mapping[str, Any]) -> Json:
    found = [one.id for one in store.artifacts.values() if one.asked["clientID"] == asked["clientID"]]
    return {"clientIDMapping": {"serverID": node_id("Artifact", found[-1])} if found else None}


def artifact_of(store: Store, identity: str) -> StoredArtifact:
    return store.artifacts[base64.b64decode(identity).decode().partition(":")[2]]


OPERATIONS: Final[Mapping[str, Answer]] = {
    "Viewer": viewer,
    "GetViewer": viewer,
    "GetDefaultEntity": viewer,
    "": viewer,  # `query { viewer { id } }`, by which wandb before 0.30 verifies a key
    "ProbeServerCapabilities": capabilities,
    "InputFields": input_fields,
    "ServerFeaturesQuery": server_features,
    "OrganizationCoreWeaveOrganizationID": organization,
    "UpsertBucket": upsert_bucket,
    "RunStoppedStatus": stopped_status,
    "RunResumeStatus": resume_status,
    "Run": run_of_api,
    "RunHistoryKeys": history_keys,
    "DeleteRun": delete_run,
    "RunFiles": run_files,
    "CreateRunFiles": create_run_files,
    "MarkRunFilesUploaded": mark_run_files,
    "NotifyScriptableRunAlert": run_alert,
    "ArtifactType": artifact_type,
    "CreateArtifact": create_artifact,
    "CreateArtifactManifest": create_manifest,
    "UpdateArtifactManifest": update_manifest,
    "CreateArtifactFiles": create_artifact_files,
    "CommitArtifact": commit_artifact,
    "UseArtifact": use_artifact,
    "ClientIDMapping": client_id_mapping,
}
