// node-postgres: SQL written by hand, with parameters.
import { randomUUID } from 'node:crypto';
import { connect, connectToPool, isEmailOf, patientsWith, withKey } from './recipe_pg.mjs';
import { ADA, BOB, CEM, DAN, EVE, pooled, refreshed, steps, verify } from './tap.mjs';

const pool = pooled ? connectToPool() : connect();
const keyed = pooled ? (work) => withKey(pool, work) : (work) => work(pool);

// Through the pool, whatever the client before left; directly, a connection without the key.
const unkeyed = (work) => pooled ? work(pool) : withoutKey(work);
async function withoutKey(work) {
  const client = await pool.connect();
  try {
    await client.query("SELECT set_config('caas.api_key', '', false)");
    return await work(client);
  } finally {
    client.release(true);
  }
}

const scalar = async (db, sql, values) => Object.values((await db.query(sql, values)).rows[0])[0];
const step = steps(keyed, scalar);

const placeholders = (count, first) => Array.from({ length: count }, (_, i) => `$${first + i}`).join(', ');

// One INSERT with all rows, which have the same columns.
function insert(db, table, rows, rest = '') {
  const names = Object.keys(rows[0]);
  const values = rows.map((_, i) => `(${placeholders(names.length, i * names.length + 1)})`).join(', ');
  return db.query(`INSERT INTO ${table} (${names}) VALUES ${values} ${rest}`, rows.flatMap(Object.values));
}

function upsert(db, table, target, ...rows) {
  const taken = Object.keys(rows[0]).filter((name) => !['id', 'login'].includes(name)).map((name) => `${name} = EXCLUDED.${name}`);
  return insert(db, table, rows, `ON CONFLICT (${target}) DO UPDATE SET ${taken}`);
}

const load = async (db, table, id) => (await db.query(`SELECT * FROM ${table} WHERE id = $1`, [id])).rows[0];

// All columns, as a program does that keeps rows as objects.
function save(db, table, { id, ...columns }) {
  const sets = Object.keys(columns).map((name, i) => `${name} = $${i + 2}`);
  return db.query(`UPDATE ${table} SET ${sets} WHERE id = $1`, [id, ...Object.values(columns)]);
}

const change = async (db, table, id, values) => save(db, table, { ...await load(db, table, id), ...values });

async function people() {
  const ada = { id: ADA, login: 'ada', email: 'ada@example.com', note: 'new' };
  let created;
  await step('people', 'create', async (db) => { created = (await insert(db, 'people', [ada], 'RETURNING *')).rows[0]; });
  await step('people', 'refresh', async () => refreshed({ email: created.email, digest: created.email_digest }));
  await step('people', 'save after create', (db) => save(db, 'people', { ...ada, email_digest: null, note: 'again' }));
  await step('people', 'stale save', (db) => change(db, 'people', ADA, { note: 'stale' }));
  await step('people', 'partial save', (db) => save(db, 'people', { id: ADA, note: 'partial' }));
  await step('people', 'change', (db) => change(db, 'people', ADA, { email: 'ada@example.org' }));
  await step('people', 'bulk create', (db) => insert(db, 'people', [
    { id: BOB, login: 'bob', email: 'bob@example.com', note: 'new' }, { id: CEM, login: 'cem', email: 'cem@example.com', note: 'new' }]));
  await step('people', 'verify', (db) => verify((email) => isEmailOf(db, 'bob', email), 'bob@example.com', 'ada@example.com'));
  await step('people', 'upsert', (db) => upsert(db, 'people', 'id',
    { ...ada, email: 'ada@example.net', note: 'upsert' }, { id: DAN, login: 'dan', email: 'dan@example.com', note: 'upsert' }));
  await step('people', 'upsert by login from EXCLUDED', (db) => upsert(db, 'people', 'login',
    { id: randomUUID(), login: 'bob', email: 'bob@example.net' }));
  await step('people', 'upsert by login with the value', (db) => db.query(
    'INSERT INTO people (id, login, email) VALUES ($1, $2, $3) ON CONFLICT (login) DO UPDATE SET email = $3, note = $4',
    [randomUUID(), 'bob', 'bob@example.net', 'bulk']));
  await step('people', 'get or create', (db) => insert(db, 'people', [
    { ...ada, id: randomUUID() }, { id: EVE, login: 'eve', email: 'eve@example.com', note: 'new' }], 'ON CONFLICT (login) DO NOTHING'));
  await step('people', 'bulk update', (db) => db.query(
    `UPDATE people SET email = new.email, note = 'bulk' FROM unnest($1::text[], $2::text[]) AS new(login, email) WHERE people.login = new.login`,
    [['bob', 'cem'], ['bob@example.org', 'cem@example.org']]));
  await step('people', 'raw SQL', (db) => db.query('UPDATE people SET email = $1 WHERE login = $2', ['dan@example.org', 'dan']));
  await step('people', 'erase', (db) => change(db, 'people', ADA, { email_digest: null }));
  await step('people', 'without a key', (db) => insert(db, 'people', [{ id: randomUUID(), login: 'zoe', email: 'zoe@example.com' }]), unkeyed);
}

async function inplace(table) {
  await step(table, 'create', (db) => insert(db, table, [{ id: ADA, email: 'ada@example.com', note: 'new' }]));
  await step(table, 'refresh', async (db) => refreshed({ digest: (await load(db, table, ADA)).email.includes('@') ? null : true }));
  await step(table, 'save of a loaded object', (db) => change(db, table, ADA, { note: 'loaded' }));
  const stale = await keyed(async (db) => {
    const row = await load(db, table, ADA);
    await save(db, table, { id: ADA, email: 'ada@example.org' });
    return row;
  });
  await step(table, 'stale save', (db) => save(db, table, { ...stale, note: 'stale' }));
  await step(table, 'upsert', (db) => upsert(db, table, 'id', { id: ADA, email: 'ada@example.net', note: 'upsert' }));
}

async function patients() {
  const ada = { id: ADA, ssn: '078-05-1120', note: 'new' };
  const getOrCreate = async (db, ssn, id) => (await patientsWith(db, ssn))[0] ?? insert(db, 'patients', [{ id, ssn, note: 'new' }]);
  await step('patients', 'create', (db) => insert(db, 'patients', [ada]));
  await step('patients', 'refresh', async (db) => {
    const row = await load(db, 'patients', ADA);
    return refreshed({ ssn: row.ssn, sealed: row.ssn_sealed, index: row.ssn_index });
  });
  await step('patients', 'open', async (db) => (await patientsWith(db, ada.ssn))[0].ssn);
  await step('patients', 'save after create', (db) => save(db, 'patients', { ...ada, ssn_sealed: null, ssn_index: null, note: 'again' }));
  await step('patients', 'stale save', (db) => change(db, 'patients', ADA, { note: 'stale' }));
  await step('patients', 'change', (db) => change(db, 'patients', ADA, { ssn: '219-09-9999' }));
  await step('patients', 'bulk create', (db) => insert(db, 'patients', [
    { id: BOB, ssn: '457-55-5462', note: 'new' }, { id: CEM, ssn: '212-09-7694', note: 'new' }]));
  await step('patients', 'search', async (db) => (await patientsWith(db, '457-55-5462'))[0].id);
  await step('patients', 'duplicate', (db) => insert(db, 'patients', [{ id: DAN, ssn: '457-55-5462', note: 'new' }]));
  await step('patients', 'upsert', (db) => upsert(db, 'patients', 'id',
    { id: ADA, ssn: '042-10-3580', note: 'upsert' }, { id: DAN, ssn: '165-16-7999', note: 'upsert' }));
  await step('patients', 'get or create', async (db) => {
    await getOrCreate(db, '457-55-5462', EVE);
    await getOrCreate(db, '095-07-3645', EVE);
  });
  await step('patients', 'erase', (db) => change(db, 'patients', ADA, { ssn_sealed: null, ssn_index: null }));
}

async function accounts() {
  const valid = (db, email) => scalar(db, "SELECT caas_verify(caas_uuid('accounts', id), $1, email_digest) FROM accounts WHERE id = 2", [email]);
  await step('accounts', 'create', async (db) => String(
    (await insert(db, 'accounts', [{ email: 'one@example.com', note: 'new' }], 'RETURNING id')).rows[0].id));
  await step('accounts', 'stale save', (db) => change(db, 'accounts', 1, { note: 'stale' }));
  await step('accounts', 'bulk create', (db) => insert(db, 'accounts', [
    { email: 'two@example.com', note: 'new' }, { email: 'three@example.com', note: 'new' }]));
  await step('accounts', 'verify', (db) => verify((email) => valid(db, email), 'two@example.com', 'one@example.com'));
  await step('accounts', 'upsert', (db) => upsert(db, 'accounts', 'id', { id: 1, email: 'one@example.org', note: 'upsert' }));
}

await people();
await inplace('inplace');
await inplace('inplace_keep');
await patients();
await accounts();
await step.finish();
await pool.end();
