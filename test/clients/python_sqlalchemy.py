"""SQLAlchemy: the unit of work of its ORM, and statements by its core."""
import contextlib
import uuid
from sqlalchemy import Column, Text, inspect, text, update
from sqlalchemy.dialects.postgresql import UUID, insert
from sqlalchemy.orm import Session
import recipe_sqlalchemy as recipe
from recipe_sqlalchemy import Account, Base, Patient, Person
from tap import ADA, BOB, CEM, DAN, EVE, POOL, Steps, refreshed


class InPlace(Base):
    __tablename__ = "inplace"
    id = Column(UUID(as_uuid=True), primary_key=True)
    email = Column(Text)
    note = Column(Text)


class InPlaceKeep(Base):
    __tablename__ = "inplace_keep"
    id = Column(UUID(as_uuid=True), primary_key=True)
    email = Column(Text)
    note = Column(Text)


engine = recipe.pooled_engine() if POOL else recipe.engine()
session = None  # the current step's


@contextlib.contextmanager
def transaction():
    """A step has a session of its own, as a request of a web application has."""
    global session
    with Session(engine) as session, session.begin():
        yield


@contextlib.contextmanager
def unkeyed():
    """A transaction in which the key was taken away: the event that shows it has no exception."""
    with transaction():
        session.execute(text("SELECT set_config('caas.api_key', '', true)"))
        yield


def scalar(sql, values):
    return session.connection().exec_driver_sql(sql, tuple(values)).scalar()


def columns_of(row):
    return {column.key: getattr(row, column.key) for column in inspect(type(row)).columns if column.key != "id"}


def save(row):
    """All columns: the session alone would write those that changed."""
    session.execute(update(type(row)).where(type(row).id == row.id).values(columns_of(row)).execution_options(synchronize_session=False))


def change(model, key, **values):
    row = session.get(model, key)
    session.expunge(row)
    for name, value in values.items():
        setattr(row, name, value)
    save(row)


def create(*rows):
    session.add_all(rows)
    session.flush()


def upsert(model, target, *rows):
    statement = insert(model).values(list(rows))
    taken = {name: statement.excluded[name] for name in rows[0] if name not in ("id", "login")}
    session.execute(statement.on_conflict_do_update(index_elements=[target], set_=taken))


step = Steps(transaction, scalar)


def people():
    def refresh():
        row = session.get(Person, ADA)
        session.refresh(row)
        return refreshed(email=row.email, digest=row.email_digest)

    def partial_save():
        session.get(Person, ADA).note = "partial"
        session.flush()

    def get_or_create(key, login):
        if not session.query(Person).filter_by(login=login).first():
            create(Person(id=key, login=login, email=login + "@example.com", note="new"))

    step("people", "create", lambda: create(Person(id=ADA, login="ada", email="ada@example.com", note="new")))
    step("people", "refresh", refresh)
    step("people", "save after create", lambda: save(Person(id=ADA, login="ada", email="ada@example.com", note="again")))
    step("people", "stale save", lambda: change(Person, ADA, note="stale"))
    step("people", "partial save", partial_save)
    step("people", "change", lambda: change(Person, ADA, email="ada@example.org"))
    step("people", "bulk create", lambda: session.bulk_save_objects([
        Person(id=BOB, login="bob", email="bob@example.com", note="new"),
        Person(id=CEM, login="cem", email="cem@example.com", note="new")]))
    step("people", "verify", lambda: " ".join(
        "yes" if session.execute(recipe.people_with("bob", email)).first() else "no" for email in ("bob@example.com", "ada@example.com")))
    step("people", "upsert", lambda: upsert(
        Person, "id", {"id": ADA, "login": "ada", "email": "ada@example.net", "note": "upsert"},
        {"id": DAN, "login": "dan", "email": "dan@example.com", "note": "upsert"}))
    step("people", "upsert by login from EXCLUDED", lambda: upsert(
        Person, "login", {"id": uuid.uuid4(), "login": "bob", "email": "bob@example.net"}))
    step("people", "get or create", lambda: (get_or_create(uuid.uuid4(), "ada"), get_or_create(EVE, "eve")) and None)
    step("people", "bulk update", lambda: session.bulk_update_mappings(Person, [
        {"id": BOB, "email": "bob@example.org", "note": "bulk"}, {"id": CEM, "email": "cem@example.org", "note": "bulk"}]))
    step("people", "raw SQL", lambda: session.execute(
        text("UPDATE people SET email = :email WHERE login = :login"), {"email": "dan@example.org", "login": "dan"}) and None)
    step("people", "erase", lambda: change(Person, ADA, email_digest=None))
    step("people", "without a key", lambda: create(Person(id=uuid.uuid4(), login="zoe", email="zoe@example.com")), unkeyed)


def inplace(model):
    table = model.__tablename__

    def stale_save(row):
        row.note = "stale"
        save(row)

    step(table, "create", lambda: create(model(id=ADA, email="ada@example.com", note="new")))
    step(table, "refresh", lambda: refreshed(digest=None if "@" in session.get(model, ADA).email else True))
    step(table, "save of a loaded object", lambda: change(model, ADA, note="loaded"))
    with transaction():
        stale = session.get(model, ADA)
        session.expunge(stale)
        session.get(model, ADA).email = "ada@example.org"
    step(table, "stale save", lambda: stale_save(stale))
    step(table, "upsert", lambda: upsert(model, "id", {"id": ADA, "email": "ada@example.net", "note": "upsert"}))


def patients():
    def refresh():
        row = session.get(Patient, ADA)
        return refreshed(ssn=row.ssn, sealed=row.ssn_sealed, index=row.ssn_index)

    def search(ssn):
        found = session.execute(recipe.patients_with(ssn)).scalar()
        return str(found.id) if found else None

    def get_or_create(ssn, key):
        if not search(ssn):
            create(Patient(id=key, ssn=ssn, note="new"))

    step("patients", "create", lambda: create(Patient(id=ADA, ssn="078-05-1120", note="new")))
    step("patients", "refresh", refresh)
    step("patients", "open", lambda: session.execute(recipe.opened_ssn(ADA)).scalar())
    step("patients", "save after create", lambda: save(Patient(id=ADA, ssn="078-05-1120", note="again")))
    step("patients", "stale save", lambda: change(Patient, ADA, note="stale"))
    step("patients", "change", lambda: change(Patient, ADA, ssn="219-09-9999"))
    step("patients", "bulk create", lambda: create(
        Patient(id=BOB, ssn="457-55-5462", note="new"), Patient(id=CEM, ssn="212-09-7694", note="new")))
    step("patients", "search", lambda: search("457-55-5462"))
    step("patients", "duplicate", lambda: create(Patient(id=DAN, ssn="457-55-5462", note="new")))
    step("patients", "upsert", lambda: upsert(
        Patient, "id", {"id": ADA, "ssn": "042-10-3580", "note": "upsert"}, {"id": DAN, "ssn": "165-16-7999", "note": "upsert"}))
    step("patients", "get or create", lambda: (get_or_create("457-55-5462", EVE), get_or_create("095-07-3645", EVE)) and None)
    step("patients", "erase", lambda: change(Patient, ADA, ssn_sealed=None, ssn_index=None))


def accounts():
    def create_one():
        row = Account(email="one@example.com", note="new")
        create(row)
        return str(row.id)

    step("accounts", "create", create_one)
    step("accounts", "stale save", lambda: change(Account, 1, note="stale"))
    step("accounts", "bulk create", lambda: create(
        Account(email="two@example.com", note="new"), Account(email="three@example.com", note="new")))
    step("accounts", "verify", lambda: " ".join(
        "yes" if [row.id for row in session.execute(recipe.accounts_with(email)).scalars()] == [2] else "no"
        for email in ("two@example.com", "four@example.com")))
    step("accounts", "upsert", lambda: upsert(Account, "id", {"id": 1, "email": "one@example.org", "note": "upsert"}))


people()
inplace(InPlace)
inplace(InPlaceKeep)
patients()
accounts()
step.finish()
