#!/usr/bin/python3
"""Checks the examples of docs/containers.md, which scripts/docs_files.pl has written into a folder: manifests.py FOLDER

Kubernetes: every field has to be one of the models of python3-kubernetes, with its type and with what it requires. Compose: docker-compose
reads its file against the schema of the Compose Specification. Then come the values that the document is about, such as modes.
"""
import json
import os
import re
import subprocess
import sys

import yaml
from kubernetes import client

SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float)}
FAILURES = []


def check(good, what):
    if not good:
        FAILURES.append(what)


def check_value(value, kind, where):
    """value has to be of this type of the models, such as list[V1Container] or dict(str, str)."""
    parts = re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", kind)
    if kind == "object":
        return
    if kind in SCALARS:
        good = isinstance(value, SCALARS[kind]) and (kind == "bool" or not isinstance(value, bool))
        check(good, f"{where}: {value!r} is not a {kind}")
    elif parts and parts[1]:
        check(isinstance(value, list), f"{where}: not a list")
        for number, one in enumerate(value if isinstance(value, list) else []):
            check_value(one, parts[1], f"{where}[{number}]")
    elif parts:
        check(isinstance(value, dict), f"{where}: not a map")
        for name, one in (value if isinstance(value, dict) else {}).items():
            check_value(one, parts[2], f"{where}.{name}")
    else:
        check_model(value, getattr(client, kind), where)


def check_model(value, model, where):
    if not isinstance(value, dict):
        check(False, f"{where}: not a map")
        return
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    for name, one in value.items():
        check(name in attributes, f"{where}: {model.__name__} has no field {name}")
        if name in attributes:
            check_value(one, model.openapi_types[attributes[name]], f"{where}.{name}")
    try:
        model(**{attributes[name]: one for name, one in value.items() if name in attributes})
    except ValueError as missing:
        check(False, f"{where}: {missing}")


def kubernetes(path):
    """The objects of a file by kind."""
    with open(path, encoding="utf-8") as file:
        objects = list(yaml.safe_load_all(file))
    for one in objects:
        group, _, version = one["apiVersion"].rpartition("/")
        known = {"": "", "apps": "apps/"}
        check(group in known and version == "v1", f"{path}: apiVersion {one['apiVersion']}")
        check_model(one, getattr(client, "V1" + one["kind"]), f"{os.path.basename(path)}: {one['kind']}")
    return {one["kind"]: one for one in objects}


def check_pod(workload, user, name):
    """What the document says of every pod: a user without rights, a root that is read-only, secrets with mode 0440 and the group."""
    spec = workload["spec"]["template"]["spec"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    check(workload["spec"]["selector"]["matchLabels"] == labels, f"{name}: the selector finds its pods")
    pod = spec["securityContext"]
    check([pod.get(key) for key in ("runAsUser", "runAsGroup", "fsGroup")] == [user] * 3, f"{name}: user and groups")
    check(pod.get("runAsNonRoot") is True, f"{name}: runAsNonRoot")
    volumes = {one["name"]: one for one in spec["volumes"]}
    claims = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])]
    check(volumes["secrets"]["secret"]["defaultMode"] == 0o440, f"{name}: mode of the secret")
    for container in spec["containers"]:
        where = f"{name}, {container['name']}"
        context = container["securityContext"]
        check(context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], f"{where}: rights")
        check(context["capabilities"] == {"drop": ["ALL"]}, f"{where}: capabilities")
        for mount in container["volumeMounts"]:
            check(mount["name"] in volumes or mount["name"] in claims, f"{where}: no volume {mount['name']}")
            check("subPath" not in mount, f"{where}: a subPath does not change")
        ports = [port["name"] for port in container.get("ports", [])]
        for probe in [container[key] for key in container if key.endswith("Probe")]:
            for action in (probe.get("httpGet"), probe.get("tcpSocket")):
                check(action is None or action["port"] in ports, f"{where}: no port of a probe's name")
    return {container["name"]: container for container in spec["containers"]}


def compose(folder):
    """The Compose file as docker-compose understood it; it builds from and mounts what need not be there."""
    run = subprocess.run(
        ["docker-compose", "--project-directory", folder, "-f", f"{folder}/compose.yaml", "config"],
        capture_output=True, text=True, check=False)
    check(run.returncode == 0, f"docker-compose: {run.stderr}")
    with open(f"{folder}/compose.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


def check_service(service, group, name):
    check(service["read_only"] and service["cap_drop"] == ["ALL"], f"{name}: rights")
    check(service["security_opt"] == ["no-new-privileges:true"], f"{name}: no-new-privileges")
    for secret in service["secrets"]:
        check([secret["uid"], secret["gid"], secret["mode"]] == ["0", group, 0o440], f"{name}: {secret['source']}")


def main():
    folder = sys.argv[1]
    service = kubernetes(f"{folder}/kubernetes_service.yaml")
    containers = check_pod(service["Deployment"], 10001, "Deployment")
    environment = {one["name"]: one["value"] for one in containers["caas"]["env"]}
    check(set(environment.values()) == {f"/run/secrets/caas/{file}" for file in ("keyring", "api-keys", "tls.crt", "tls.key")},
          "Deployment: the files of the secret")
    check(containers["caas"]["readinessProbe"]["httpGet"]["path"] == "/health", "Deployment: /health")
    check("httpGet" not in containers["caas"]["livenessProbe"], "Deployment: no restart for want of a keyring")
    database = kubernetes(f"{folder}/kubernetes_postgresql.yaml")
    check_pod(database["StatefulSet"], 10002, "StatefulSet")
    check("caas.keyring_file = '/run/secrets/caas/keyring'" in database["ConfigMap"]["data"]["caas.conf"], "ConfigMap")
    composed = compose(folder)
    check_service(composed["services"]["caas"], "10001", "compose, caas")
    check_service(composed["services"]["postgresql"], "10002", "compose, postgresql")
    used = {secret["source"] for one in composed["services"].values() for secret in one["secrets"]}
    check(used == set(composed["secrets"]), "compose: secrets")
    print(json.dumps(FAILURES, indent=1) if FAILURES else "the examples are as they should be")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
