// Knex: its query builder.
import { randomUUID } from 'node:crypto';
import { accountsWith, connect, connectToPool, patientsWith, peopleWith, withKey } from './recipe_knex.mjs';
import { ADA, BOB, CEM, DAN, EVE, pooled, refreshed, steps, verify } from './tap.mjs';

const knex = pooled ? connectToPool() : connect();
const keyed = pooled ? (work) => withKey(knex, work) : (work) => work(knex);

// Through the pool, whatever the client before left; directly, a transaction without the connection's key.
const unkeyed = pooled ? (work) => work(knex) : (work) => knex.transaction(async (trx) => {
  await trx.raw("SELECT set_config('caas.api_key', '', true)");
  return work(trx);
});

// Knex writes ? where the server has $1.
const scalar = async (db, sql, values) => Object.values((await db.raw(sql.replace(/\$\d/g, '?'), values)).rows[0])[0];
const step = steps(keyed, scalar);

const load = (db, table, id) => db(table).where({ id }).first();

// All columns of the object.
const save = (db, table, { id, ...columns }) => db(table).where({ id }).update(columns);

const change = async (db, table, id, values) => save(db, table, { ...await load(db, table, id), ...values });

async function people() {
  const ada = { id: ADA, login: 'ada', email: 'ada@example.com', note: 'new' };
  await step('people', 'create', (db) => db('people').insert(ada));
  await step('people', 'refresh', async (db) => {
    const [row] = await db('people').where({ id: ADA }).update({ note: 'new' }).returning('*');
    return refreshed({ email: row.email, digest: row.email_digest });
  });
  await step('people', 'save after create', (db) => save(db, 'people', { ...ada, email_digest: null, note: 'again' }));
  await step('people', 'stale save', (db) => change(db, 'people', ADA, { note: 'stale' }));
  await step('people', 'partial save', (db) => db('people').where({ id: ADA }).update({ note: 'partial' }));
  await step('people', 'change', (db) => change(db, 'people', ADA, { email: 'ada@example.org' }));
  await step('people', 'bulk create', (db) => db.batchInsert('people', [
    { id: BOB, login: 'bob', email: 'bob@example.com', note: 'new' }, { id: CEM, login: 'cem', email: 'cem@example.com', note: 'new' }]));
  await step('people', 'verify', (db) => verify(
    async (email) => (await peopleWith(db, 'bob', email)).length, 'bob@example.com', 'ada@example.com'));
  // Without arguments merge() takes every column from EXCLUDED.
  await step('people', 'upsert', (db) => db('people').insert([
    { ...ada, email: 'ada@example.net', note: 'upsert' }, { id: DAN, login: 'dan', email: 'dan@example.com', note: 'upsert' }])
    .onConflict('id').merge());
  await step('people', 'upsert by login from EXCLUDED', (db) => db('people')
    .insert({ id: randomUUID(), login: 'bob', email: 'bob@example.net' }).onConflict('login').merge(['email']));
  await step('people', 'upsert by login with the value', (db) => db('people')
    .insert({ id: randomUUID(), login: 'bob', email: 'bob@example.net' }).onConflict('login').merge({ email: 'bob@example.net', note: 'bulk' }));
  await step('people', 'get or create', (db) => db('people').insert([
    { ...ada, id: randomUUID() }, { id: EVE, login: 'eve', email: 'eve@example.com', note: 'new' }]).onConflict('login').ignore());
  await step('people', 'bulk update', async (db) => {
    for (const login of ['bob', 'cem']) await db('people').where({ login }).update({ email: `${login}@example.org`, note: 'bulk' });
  });
  await step('people', 'raw SQL', (db) => db.raw('UPDATE people SET email = ? WHERE login = ?', ['dan@example.org', 'dan']));
  await step('people', 'erase', (db) => change(db, 'people', ADA, { email_digest: null }));
  await step('people', 'without a key', (db) => db('people').insert({ id: randomUUID(), login: 'zoe', email: 'zoe@example.com' }), unkeyed);
}

async function inplace(table) {
  await step(table, 'create', (db) => db(table).insert({ id: ADA, email: 'ada@example.com', note: 'new' }));
  await step(table, 'refresh', async (db) => refreshed({ digest: (await load(db, table, ADA)).email.includes('@') ? null : true }));
  await step(table, 'save of a loaded object', (db) => change(db, table, ADA, { note: 'loaded' }));
  const stale = await keyed(async (db) => {
    const row = await load(db, table, ADA);
    await db(table).where({ id: ADA }).update({ email: 'ada@example.org' });
    return row;
  });
  await step(table, 'stale save', (db) => save(db, table, { ...stale, note: 'stale' }));
  await step(table, 'upsert', (db) => db(table).insert({ id: ADA, email: 'ada@example.net', note: 'upsert' }).onConflict('id').merge());
}

async function patients() {
  const ada = { id: ADA, ssn: '078-05-1120', note: 'new' };
  const getOrCreate = async (db, ssn, id) => (await patientsWith(db, ssn))[0] ?? db('patients').insert({ id, ssn, note: 'new' });
  await step('patients', 'create', (db) => db('patients').insert(ada));
  await step('patients', 'refresh', async (db) => {
    const row = await load(db, 'patients', ADA);
    return refreshed({ ssn: row.ssn, sealed: row.ssn_sealed, index: row.ssn_index });
  });
  await step('patients', 'open', async (db) => (await patientsWith(db, ada.ssn))[0].ssn);
  await step('patients', 'save after create', (db) => save(db, 'patients', { ...ada, ssn_sealed: null, ssn_index: null, note: 'again' }));
  await step('patients', 'stale save', (db) => change(db, 'patients', ADA, { note: 'stale' }));
  await step('patients', 'change', (db) => change(db, 'patients', ADA, { ssn: '219-09-9999' }));
  await step('patients', 'bulk create', (db) => db('patients').insert([
    { id: BOB, ssn: '457-55-5462', note: 'new' }, { id: CEM, ssn: '212-09-7694', note: 'new' }]));
  await step('patients', 'search', async (db) => (await patientsWith(db, '457-55-5462'))[0].id);
  await step('patients', 'duplicate', (db) => db('patients').insert({ id: DAN, ssn: '457-55-5462', note: 'new' }));
  await step('patients', 'upsert', (db) => db('patients').insert([
    { id: ADA, ssn: '042-10-3580', note: 'upsert' }, { id: DAN, ssn: '165-16-7999', note: 'upsert' }]).onConflict('id').merge());
  await step('patients', 'get or create', async (db) => {
    await getOrCreate(db, '457-55-5462', EVE);
    await getOrCreate(db, '095-07-3645', EVE);
  });
  await step('patients', 'erase', (db) => change(db, 'patients', ADA, { ssn_sealed: null, ssn_index: null }));
}

async function accounts() {
  await step('accounts', 'create', async (db) =>
    String((await db('accounts').insert({ email: 'one@example.com', note: 'new' }).returning('id'))[0].id));
  await step('accounts', 'stale save', (db) => change(db, 'accounts', 1, { note: 'stale' }));
  await step('accounts', 'bulk create', (db) => db('accounts').insert([
    { email: 'two@example.com', note: 'new' }, { email: 'three@example.com', note: 'new' }]));
  await step('accounts', 'verify', (db) => verify(
    async (email) => String((await accountsWith(db, email)).map((row) => row.id)) === '2', 'two@example.com', 'four@example.com'));
  await step('accounts', 'upsert', (db) => db('accounts').insert({ id: 1, email: 'one@example.org', note: 'upsert' }).onConflict('id').merge());
}

await people();
await inplace('inplace');
await inplace('inplace_keep');
await patients();
await accounts();
await step.finish();
await knex.destroy();
