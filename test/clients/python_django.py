"""Django: models, managers, and raw SQL by its connection."""
import contextlib
import os
import uuid
import django
from django.conf import settings
from tap import ADA, BOB, CEM, DAN, EVE, POOL, Steps, refreshed

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
if POOL:
    settings.DATABASES["default"] = settings.DATABASES["pooled"]
django.setup()

from django.db import connection, models, transaction  # noqa: E402 (Django wants its settings before its models)
from people.models import Account, Patient, Person, accounts_with, create_by_call, patients_with, people_with, with_key  # noqa: E402


class InPlace(models.Model):
    id = models.UUIDField(primary_key=True)
    email = models.TextField(null=True)
    note = models.TextField(null=True)

    class Meta:
        app_label = "people"
        db_table = "inplace"


class InPlaceKeep(models.Model):
    id = models.UUIDField(primary_key=True)
    email = models.TextField(null=True)
    note = models.TextField(null=True)

    class Meta:
        app_label = "people"
        db_table = "inplace_keep"


keyed = with_key if POOL else contextlib.nullcontext


@contextlib.contextmanager
def unkeyed():
    """Through the pool, whatever the client before left; directly, a transaction without the connection's key."""
    if POOL:
        yield
        return
    with transaction.atomic():
        execute("SELECT set_config('caas.api_key', '', true)", [])
        yield


def execute(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def scalar(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def upsert(model, target, objects, fields):
    """bulk_create does it from Django 4.1 on; before, it is written by hand."""
    if django.VERSION >= (4, 1):
        model.objects.bulk_create(objects, update_conflicts=True, unique_fields=[target], update_fields=fields)
        return
    names = [field.column for field in model._meta.fields]
    for row in objects:
        execute(f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
                f" ON CONFLICT ({target}) DO UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in fields)}",
                [getattr(row, name) for name in names])


def change(model, key, **values):
    row = model.objects.get(id=key)
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


step = Steps(keyed, scalar)


def people():
    ada = Person(id=ADA, login="ada", email="ada@example.com", note="new")

    def refresh():
        row = Person.objects.get(id=ADA)
        row.refresh_from_db()
        return refreshed(email=row.email, digest=row.email_digest)

    def save_again():
        ada.note = "again"
        ada.save()

    def partial_save():
        row = Person.objects.get(id=ADA)
        row.note = "partial"
        row.save(update_fields=["note"])

    def get_or_create():
        Person.objects.get_or_create(login="ada", defaults={"id": uuid.uuid4(), "email": "zoe@example.com"})
        Person.objects.get_or_create(login="eve", defaults={"id": EVE, "email": "eve@example.com", "note": "new"})

    def bulk_update():
        rows = list(Person.objects.filter(login__in=["bob", "cem"]))
        for row in rows:
            row.email, row.note = row.login + "@example.org", "bulk"
        Person.objects.bulk_update(rows, ["email", "note"])

    step("people", "create", lambda: ada.save(force_insert=True))
    step("people", "refresh", refresh)
    step("people", "save after create", save_again)
    step("people", "stale save", lambda: change(Person, ADA, note="stale"))
    step("people", "partial save", partial_save)
    step("people", "change", lambda: change(Person, ADA, email="ada@example.org"))
    step("people", "bulk create", lambda: Person.objects.bulk_create([
        Person(id=BOB, login="bob", email="bob@example.com", note="new"),
        Person(id=CEM, login="cem", email="cem@example.com", note="new")]) and None)
    step("people", "verify", lambda: " ".join(
        "yes" if people_with("bob", email).exists() else "no" for email in ("bob@example.com", "ada@example.com")))
    step("people", "upsert", lambda: upsert(Person, "id", [
        Person(id=ADA, login="ada", email="ada@example.net", note="upsert"),
        Person(id=DAN, login="dan", email="dan@example.com", note="upsert")], ["email", "note"]))
    step("people", "upsert by login from EXCLUDED", lambda: upsert(
        Person, "login", [Person(id=uuid.uuid4(), login="bob", email="bob@example.net")], ["email"]))
    step("people", "upsert by login with the value", lambda: Person.objects.update_or_create(
        login="bob", defaults={"email": "bob@example.net", "note": "bulk"}) and None)
    step("people", "get or create", get_or_create)
    step("people", "bulk update", bulk_update)
    step("people", "raw SQL", lambda: execute("UPDATE people SET email = %s WHERE login = %s", ["dan@example.org", "dan"]))
    step("people", "erase", lambda: change(Person, ADA, email_digest=None))
    step("people", "without a key", lambda: Person.objects.create(id=uuid.uuid4(), login="zoe", email="zoe@example.com") and None, unkeyed)


def digest_by_call():
    """The way without a trigger; its row is taken away again."""
    with keyed():
        create_by_call(EVE, "eve", "eve@example.com")
        right = people_with("eve", "eve@example.com").exists()
        Person.objects.filter(id=EVE).delete()
    assert right, "a digest that caas_encrypt made in INSERT does not verify"


def inplace(model):
    table = model._meta.db_table

    def load():
        return model.objects.get(id=ADA)

    def stale_save(row):
        row.note = "stale"
        row.save()

    step(table, "create", lambda: model.objects.create(id=ADA, email="ada@example.com", note="new") and None)
    step(table, "refresh", lambda: refreshed(digest=None if "@" in load().email else True))
    step(table, "save of a loaded object", lambda: change(model, ADA, note="loaded"))
    with keyed():
        stale = load()
        model.objects.filter(id=ADA).update(email="ada@example.org")
    step(table, "stale save", lambda: stale_save(stale))
    step(table, "upsert", lambda: upsert(model, "id", [model(id=ADA, email="ada@example.net", note="upsert")], ["email", "note"]))


def patients():
    ada = Patient(id=ADA, ssn="078-05-1120", note="new")

    def refresh():
        row = Patient.objects.get(id=ADA)
        return refreshed(ssn=row.ssn, sealed=row.ssn_sealed, index=row.ssn_index)

    def save_again():
        ada.note = "again"
        ada.save()

    def get_or_create(ssn, key):
        return patients_with(ssn).first() or Patient.objects.create(id=key, ssn=ssn, note="new")

    step("patients", "create", lambda: ada.save(force_insert=True))
    step("patients", "refresh", refresh)
    step("patients", "open", lambda: patients_with("078-05-1120").get().opened)
    step("patients", "save after create", save_again)
    step("patients", "stale save", lambda: change(Patient, ADA, note="stale"))
    step("patients", "change", lambda: change(Patient, ADA, ssn="219-09-9999"))
    step("patients", "bulk create", lambda: Patient.objects.bulk_create([
        Patient(id=BOB, ssn="457-55-5462", note="new"), Patient(id=CEM, ssn="212-09-7694", note="new")]) and None)
    step("patients", "search", lambda: str(patients_with("457-55-5462").get().id))
    step("patients", "duplicate", lambda: Patient.objects.create(id=DAN, ssn="457-55-5462", note="new") and None)
    step("patients", "upsert", lambda: upsert(Patient, "id", [
        Patient(id=ADA, ssn="042-10-3580", note="upsert"), Patient(id=DAN, ssn="165-16-7999", note="upsert")], ["ssn", "note"]))
    step("patients", "get or create", lambda: (get_or_create("457-55-5462", EVE), get_or_create("095-07-3645", EVE)) and None)
    step("patients", "erase", lambda: change(Patient, ADA, ssn_sealed=None, ssn_index=None))


def accounts():
    step("accounts", "create", lambda: str(Account.objects.create(email="one@example.com", note="new").id))
    step("accounts", "stale save", lambda: change(Account, 1, note="stale"))
    step("accounts", "bulk create", lambda: Account.objects.bulk_create([
        Account(email="two@example.com", note="new"), Account(email="three@example.com", note="new")]) and None)
    step("accounts", "verify", lambda: " ".join(
        "yes" if [row.id for row in accounts_with(email)] == [2] else "no" for email in ("two@example.com", "four@example.com")))
    step("accounts", "upsert", lambda: upsert(Account, "id", [Account(id=1, email="one@example.org", note="upsert")], ["email", "note"]))


digest_by_call()
people()
inplace(InPlace)
inplace(InPlaceKeep)
patients()
accounts()
step.finish()
