// Drizzle: its query builder over node-postgres.
import { randomUUID } from 'node:crypto';
import { eq, getTableColumns, getTableName, sql } from 'drizzle-orm';
import { pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { accounts, accountsWith, connect, connectToPool, patients, patientsWith, people, peopleWith, withKey } from './recipe_drizzle.mjs';
import { ADA, BOB, CEM, DAN, EVE, pooled, refreshed, steps, verify } from './tap.mjs';

const inplace = pgTable('inplace', { id: uuid('id').primaryKey(), email: text('email'), note: text('note') });
const inplaceKeep = pgTable('inplace_keep', { id: uuid('id').primaryKey(), email: text('email'), note: text('note') });

const database = pooled ? connectToPool() : connect();
const keyed = pooled ? (work) => withKey(database, work) : (work) => work(database);

// Through the pool, whatever the client before left; directly, a transaction without the connection's key.
const unkeyed = pooled ? (work) => work(database) : (work) => database.transaction(async (tx) => {
  await tx.execute(sql`SELECT set_config('caas.api_key', '', true)`);
  return work(tx);
});

// Drizzle makes the parameters where the statement has $1.
function statement(text, values) {
  const [first, ...rest] = text.split(/\$\d/);
  return rest.reduce((whole, part, i) => sql`${whole}${values[i]}${sql.raw(part)}`, sql.raw(first));
}

const scalar = async (db, text, values) => Object.values((await db.execute(statement(text, values))).rows[0])[0];
const step = steps(keyed, scalar);

const load = async (db, table, id) => (await db.select().from(table).where(eq(table.id, id)))[0];

// All columns of the object.
const save = (db, table, { id, ...columns }) => db.update(table).set(columns).where(eq(table.id, id));

const change = async (db, table, id, values) => save(db, table, { ...await load(db, table, id), ...values });

// The columns of EXCLUDED are written out, because Drizzle has no shorter way.
function upsert(db, table, target, ...rows) {
  const taken = Object.keys(rows[0]).filter((name) => !['id', 'login'].includes(name));
  const set = Object.fromEntries(taken.map((name) => [name, sql.raw(`excluded.${getTableColumns(table)[name].name}`)]));
  return db.insert(table).values(rows).onConflictDoUpdate({ target, set });
}

async function testPeople() {
  const ada = { id: ADA, login: 'ada', email: 'ada@example.com', note: 'new' };
  await step('people', 'create', (db) => db.insert(people).values(ada));
  await step('people', 'refresh', async (db) => {
    const [row] = await db.update(people).set({ note: 'new' }).where(eq(people.id, ADA)).returning();
    return refreshed({ email: row.email, digest: row.emailDigest });
  });
  await step('people', 'save after create', (db) => save(db, people, { ...ada, emailDigest: null, note: 'again' }));
  await step('people', 'stale save', (db) => change(db, people, ADA, { note: 'stale' }));
  await step('people', 'partial save', (db) => db.update(people).set({ note: 'partial' }).where(eq(people.id, ADA)));
  await step('people', 'change', (db) => change(db, people, ADA, { email: 'ada@example.org' }));
  await step('people', 'bulk create', (db) => db.insert(people).values([
    { id: BOB, login: 'bob', email: 'bob@example.com', note: 'new' }, { id: CEM, login: 'cem', email: 'cem@example.com', note: 'new' }]));
  await step('people', 'verify', (db) => verify(
    async (email) => (await peopleWith(db, 'bob', email)).length, 'bob@example.com', 'ada@example.com'));
  await step('people', 'upsert', (db) => upsert(db, people, people.id,
    { ...ada, email: 'ada@example.net', note: 'upsert' }, { id: DAN, login: 'dan', email: 'dan@example.com', note: 'upsert' }));
  await step('people', 'upsert by login from EXCLUDED', (db) => upsert(db, people, people.login,
    { id: randomUUID(), login: 'bob', email: 'bob@example.net' }));
  await step('people', 'upsert by login with the value', (db) => db.insert(people)
    .values({ id: randomUUID(), login: 'bob', email: 'bob@example.net' })
    .onConflictDoUpdate({ target: people.login, set: { email: 'bob@example.net', note: 'bulk' } }));
  await step('people', 'get or create', (db) => db.insert(people).values([
    { ...ada, id: randomUUID() }, { id: EVE, login: 'eve', email: 'eve@example.com', note: 'new' }])
    .onConflictDoNothing({ target: people.login }));
  await step('people', 'bulk update', async (db) => {
    for (const login of ['bob', 'cem']) await db.update(people).set({ email: `${login}@example.org`, note: 'bulk' }).where(eq(people.login, login));
  });
  await step('people', 'raw SQL', (db) => db.execute(sql`UPDATE people SET email = ${'dan@example.org'} WHERE login = ${'dan'}`));
  await step('people', 'erase', (db) => change(db, people, ADA, { emailDigest: null }));
  await step('people', 'without a key', (db) => db.insert(people).values({ id: randomUUID(), login: 'zoe', email: 'zoe@example.com' }), unkeyed);
}

async function testInplace(table) {
  const name = getTableName(table);
  await step(name, 'create', (db) => db.insert(table).values({ id: ADA, email: 'ada@example.com', note: 'new' }));
  await step(name, 'refresh', async (db) => refreshed({ digest: (await load(db, table, ADA)).email.includes('@') ? null : true }));
  await step(name, 'save of a loaded object', (db) => change(db, table, ADA, { note: 'loaded' }));
  const stale = await keyed(async (db) => {
    const row = await load(db, table, ADA);
    await db.update(table).set({ email: 'ada@example.org' }).where(eq(table.id, ADA));
    return row;
  });
  await step(name, 'stale save', (db) => save(db, table, { ...stale, note: 'stale' }));
  await step(name, 'upsert', (db) => upsert(db, table, table.id, { id: ADA, email: 'ada@example.net', note: 'upsert' }));
}

async function testPatients() {
  const ada = { id: ADA, ssn: '078-05-1120', note: 'new' };
  const getOrCreate = async (db, ssn, id) => (await patientsWith(db, ssn))[0] ?? db.insert(patients).values({ id, ssn, note: 'new' });
  await step('patients', 'create', (db) => db.insert(patients).values(ada));
  await step('patients', 'refresh', async (db) => {
    const row = await load(db, patients, ADA);
    return refreshed({ ssn: row.ssn, sealed: row.ssnSealed, index: row.ssnIndex });
  });
  await step('patients', 'open', async (db) => (await patientsWith(db, ada.ssn))[0].ssn);
  await step('patients', 'save after create', (db) => save(db, patients, { ...ada, ssnSealed: null, ssnIndex: null, note: 'again' }));
  await step('patients', 'stale save', (db) => change(db, patients, ADA, { note: 'stale' }));
  await step('patients', 'change', (db) => change(db, patients, ADA, { ssn: '219-09-9999' }));
  await step('patients', 'bulk create', (db) => db.insert(patients).values([
    { id: BOB, ssn: '457-55-5462', note: 'new' }, { id: CEM, ssn: '212-09-7694', note: 'new' }]));
  await step('patients', 'search', async (db) => (await patientsWith(db, '457-55-5462'))[0].id);
  await step('patients', 'duplicate', (db) => db.insert(patients).values({ id: DAN, ssn: '457-55-5462', note: 'new' }));
  await step('patients', 'upsert', (db) => upsert(db, patients, patients.id,
    { id: ADA, ssn: '042-10-3580', note: 'upsert' }, { id: DAN, ssn: '165-16-7999', note: 'upsert' }));
  await step('patients', 'get or create', async (db) => {
    await getOrCreate(db, '457-55-5462', EVE);
    await getOrCreate(db, '095-07-3645', EVE);
  });
  await step('patients', 'erase', (db) => change(db, patients, ADA, { ssnSealed: null, ssnIndex: null }));
}

async function testAccounts() {
  await step('accounts', 'create', async (db) => String(
    (await db.insert(accounts).values({ email: 'one@example.com', note: 'new' }).returning())[0].id));
  await step('accounts', 'stale save', (db) => change(db, accounts, 1, { note: 'stale' }));
  await step('accounts', 'bulk create', (db) => db.insert(accounts).values([
    { email: 'two@example.com', note: 'new' }, { email: 'three@example.com', note: 'new' }]));
  await step('accounts', 'verify', (db) => verify(
    async (email) => String((await accountsWith(db, email)).map((row) => row.id)) === '2', 'two@example.com', 'four@example.com'));
  await step('accounts', 'upsert', (db) => upsert(db, accounts, accounts.id, { id: 1, email: 'one@example.org', note: 'upsert' }));
}

await testPeople();
await testInplace(inplace);
await testInplace(inplaceKeep);
await testPatients();
await testAccounts();
await step.finish();
await database.$client.end();
