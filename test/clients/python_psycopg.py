"""psycopg 3: SQL written by hand, executemany and COPY."""
import contextlib
import uuid
from psycopg.rows import dict_row
import recipe_psycopg as recipe
from tap import ADA, BOB, CEM, DAN, EVE, POOL, Steps, refreshed

connection = recipe.connect_to_pool() if POOL else recipe.connect()
keyed = (lambda: recipe.with_key(connection)) if POOL else contextlib.nullcontext


@contextlib.contextmanager
def unkeyed():
    """Through the pool, whatever the client before left; directly, a transaction without the connection's key."""
    if POOL:
        yield
        return
    with connection.transaction():
        connection.execute("SELECT set_config('caas.api_key', '', true)")
        yield


def scalar(sql, values=()):
    return connection.execute(sql, values).fetchone()[0]


def insert_sql(table, row):
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f'%({name})s' for name in row)})"


def create(table, **row):
    connection.execute(insert_sql(table, row), row)


def create_many(table, *rows):
    connection.cursor().executemany(insert_sql(table, rows[0]), rows)


def upsert(table, target, *rows):
    taken = ", ".join(f"{name} = EXCLUDED.{name}" for name in rows[0] if name not in ("id", "login"))
    connection.cursor().executemany(f"{insert_sql(table, rows[0])} ON CONFLICT ({target}) DO UPDATE SET {taken}", rows)


def load(table, key):
    return connection.cursor(row_factory=dict_row).execute(f"SELECT * FROM {table} WHERE id = %s", [key]).fetchone()


def save(table, row):
    """All columns, as a program does that keeps rows as objects."""
    columns = ", ".join(f"{name} = %({name})s" for name in row if name != "id")
    connection.execute(f"UPDATE {table} SET {columns} WHERE id = %(id)s", row)


def change(table, key, **values):
    save(table, {**load(table, key), **values})


step = Steps(keyed, scalar)


def people():
    ada = {"id": ADA, "login": "ada", "email": "ada@example.com", "note": "new"}
    created = None

    def get_or_create(key, login):
        row = {"id": key, "login": login, "email": login + "@example.com", "note": "new"}
        connection.execute(insert_sql("people", row) + " ON CONFLICT (login) DO NOTHING", row)

    def create_ada():
        nonlocal created
        created = recipe.create_person(connection, ada)

    def refresh():
        _, _, email, digest, _ = created
        return refreshed(email=email, digest=digest)

    def verify():
        return " ".join("yes" if recipe.is_email_of(connection, "bob", email) else "no" for email in ("bob@example.com", "ada@example.com"))

    step("people", "create", create_ada)
    step("people", "refresh", refresh)
    step("people", "save after create", lambda: save("people", {**ada, "email_digest": None, "note": "again"}))
    step("people", "stale save", lambda: change("people", ADA, note="stale"))
    step("people", "partial save", lambda: save("people", {"id": ADA, "note": "partial"}))
    step("people", "change", lambda: change("people", ADA, email="ada@example.org"))
    step("people", "bulk create", lambda: recipe.copy_people(connection, [
        {"id": BOB, "login": "bob", "email": "bob@example.com", "note": "new"},
        {"id": CEM, "login": "cem", "email": "cem@example.com", "note": "new"}]))
    step("people", "verify", verify)
    step("people", "upsert", lambda: upsert(
        "people", "id", {"id": ADA, "login": "ada", "email": "ada@example.net", "note": "upsert"},
        {"id": DAN, "login": "dan", "email": "dan@example.com", "note": "upsert"}))
    step("people", "upsert by login from EXCLUDED", lambda: upsert(
        "people", "login", {"id": uuid.uuid4(), "login": "bob", "email": "bob@example.net"}))
    step("people", "get or create", lambda: (get_or_create(uuid.uuid4(), "ada"), get_or_create(EVE, "eve")) and None)
    step("people", "bulk update", lambda: connection.cursor().executemany(
        "UPDATE people SET email = %s, note = 'bulk' WHERE login = %s", [("bob@example.org", "bob"), ("cem@example.org", "cem")]))
    step("people", "raw SQL", lambda: connection.execute(
        "UPDATE people SET email = %s WHERE login = %s", ["dan@example.org", "dan"]) and None)
    step("people", "erase", lambda: change("people", ADA, email_digest=None))
    step("people", "without a key", lambda: create("people", id=uuid.uuid4(), login="zoe", email="zoe@example.com"), unkeyed)


def inplace(table):
    def refresh():
        return refreshed(digest=None if "@" in load(table, ADA)["email"] else True)

    step(table, "create", lambda: create(table, id=ADA, email="ada@example.com", note="new"))
    step(table, "refresh", refresh)
    step(table, "save of a loaded object", lambda: change(table, ADA, note="loaded"))
    with keyed():
        stale = load(table, ADA)
        connection.execute(f"UPDATE {table} SET email = %s WHERE id = %s", ["ada@example.org", ADA])
    step(table, "stale save", lambda: save(table, {**stale, "note": "stale"}))
    step(table, "upsert", lambda: upsert(table, "id", {"id": ADA, "email": "ada@example.net", "note": "upsert"}))


def patients():
    ada = {"id": ADA, "ssn": "078-05-1120", "note": "new"}

    def refresh():
        row = load("patients", ADA)
        return refreshed(ssn=row["ssn"], sealed=row["ssn_sealed"], index=row["ssn_index"])

    def search(ssn):
        found = recipe.patients_with(connection, ssn)
        return str(found[0][0]) if found else None

    def get_or_create(ssn, key):
        if not search(ssn):
            create("patients", id=key, ssn=ssn, note="new")

    step("patients", "create", lambda: create("patients", **ada))
    step("patients", "refresh", refresh)
    step("patients", "open", lambda: recipe.patients_with(connection, ada["ssn"])[0][1])
    step("patients", "save after create", lambda: save("patients", {**ada, "ssn_sealed": None, "ssn_index": None, "note": "again"}))
    step("patients", "stale save", lambda: change("patients", ADA, note="stale"))
    step("patients", "change", lambda: change("patients", ADA, ssn="219-09-9999"))
    step("patients", "bulk create", lambda: create_many(
        "patients", {"id": BOB, "ssn": "457-55-5462", "note": "new"}, {"id": CEM, "ssn": "212-09-7694", "note": "new"}))
    step("patients", "search", lambda: search("457-55-5462"))
    step("patients", "duplicate", lambda: create("patients", id=DAN, ssn="457-55-5462", note="new"))
    step("patients", "upsert", lambda: upsert(
        "patients", "id", {"id": ADA, "ssn": "042-10-3580", "note": "upsert"}, {"id": DAN, "ssn": "165-16-7999", "note": "upsert"}))
    step("patients", "get or create", lambda: (get_or_create("457-55-5462", EVE), get_or_create("095-07-3645", EVE)) and None)
    step("patients", "erase", lambda: change("patients", ADA, ssn_sealed=None, ssn_index=None))


def accounts():
    def verify():
        return " ".join("yes" if scalar("SELECT caas_verify(caas_uuid('accounts', id), %s, email_digest) FROM accounts WHERE id = 2", [email])
                        else "no" for email in ("two@example.com", "one@example.com"))

    step("accounts", "create", lambda: str(scalar(
        "INSERT INTO accounts (email, note) VALUES (%s, 'new') RETURNING id", ["one@example.com"])))
    step("accounts", "stale save", lambda: change("accounts", 1, note="stale"))
    step("accounts", "bulk create", lambda: create_many(
        "accounts", {"email": "two@example.com", "note": "new"}, {"email": "three@example.com", "note": "new"}))
    step("accounts", "verify", verify)
    step("accounts", "upsert", lambda: upsert("accounts", "id", {"id": 1, "email": "one@example.org", "note": "upsert"}))


people()
inplace("inplace")
inplace("inplace_keep")
patients()
accounts()
step.finish()
