// Prisma, with the driver adapter for node-postgres.
import { randomUUID } from 'node:crypto';
import { accountsWith, connect, connectToPool, patientsWith, peopleWith, withKey } from './recipe_prisma.mjs';
import { ADA, BOB, CEM, DAN, EVE, pooled, refreshed, steps, verify } from './tap.mjs';

const prisma = pooled ? connectToPool() : connect();
const keyed = pooled ? (work) => withKey(prisma, work) : (work) => work(prisma);

// Through the pool, whatever the client before left; directly, a transaction without the connection's key.
const unkeyed = pooled ? (work) => work(prisma) : (work) => prisma.$transaction(async (tx) => {
  await tx.$queryRaw`SELECT set_config('caas.api_key', '', true)`;
  return work(tx);
});

const scalar = async (db, sql, values) => Object.values((await db.$queryRawUnsafe(sql, ...values))[0])[0];
const step = steps(keyed, scalar);

// The tables without a model of the documentation's are models of the test's, appended to its schema.
const load = (model, id) => model.findUniqueOrThrow({ where: { id } });

// All columns of the object.
const save = (model, { id, ...data }) => model.update({ where: { id }, data });

const change = async (model, id, values) => save(model, { ...await load(model, id), ...values });

const upsert = (model, { id, ...data }) => model.upsert({ where: { id }, create: { id, ...data }, update: data });

async function people() {
  const ada = { id: ADA, login: 'ada', email: 'ada@example.com', note: 'new' };
  await step('people', 'create', (db) => db.person.create({ data: ada }));
  await step('people', 'refresh', async (db) => {
    const row = await db.person.update({ where: { id: ADA }, data: { note: 'new' } });
    return refreshed({ email: row.email, digest: row.emailDigest });
  });
  await step('people', 'save after create', (db) => save(db.person, { ...ada, emailDigest: null, note: 'again' }));
  await step('people', 'stale save', (db) => change(db.person, ADA, { note: 'stale' }));
  await step('people', 'partial save', (db) => db.person.update({ where: { id: ADA }, data: { note: 'partial' } }));
  await step('people', 'change', (db) => change(db.person, ADA, { email: 'ada@example.org' }));
  await step('people', 'bulk create', (db) => db.person.createMany({ data: [
    { id: BOB, login: 'bob', email: 'bob@example.com', note: 'new' }, { id: CEM, login: 'cem', email: 'cem@example.com', note: 'new' }] }));
  await step('people', 'verify', (db) => verify(
    async (email) => (await peopleWith(db, 'bob', email)).length, 'bob@example.com', 'ada@example.com'));
  await step('people', 'upsert', async (db) => {
    await upsert(db.person, { ...ada, email: 'ada@example.net', note: 'upsert' });
    await upsert(db.person, { id: DAN, login: 'dan', email: 'dan@example.com', note: 'upsert' });
  });
  await step('people', 'upsert by login with the value', (db) => db.person.upsert({
    where: { login: 'bob' }, create: { id: randomUUID(), login: 'bob', email: 'bob@example.net' },
    update: { email: 'bob@example.net', note: 'bulk' } }));
  await step('people', 'get or create', async (db) => {
    const getOrCreate = (row) => db.person.upsert({ where: { login: row.login }, create: row, update: {} });
    await getOrCreate({ ...ada, id: randomUUID() });
    await getOrCreate({ id: EVE, login: 'eve', email: 'eve@example.com', note: 'new' });
  });
  await step('people', 'bulk update', async (db) => {
    for (const login of ['bob', 'cem'])
      await db.person.updateMany({ where: { login }, data: { email: `${login}@example.org`, note: 'bulk' } });
  });
  await step('people', 'raw SQL', (db) => db.$executeRaw`UPDATE people SET email = ${'dan@example.org'} WHERE login = ${'dan'}`);
  await step('people', 'erase', (db) => change(db.person, ADA, { emailDigest: null }));
  await step('people', 'without a key', (db) => db.person.create({ data: { id: randomUUID(), login: 'zoe', email: 'zoe@example.com' } }), unkeyed);
}

async function inplace(table, model) {
  await step(table, 'create', (db) => db[model].create({ data: { id: ADA, email: 'ada@example.com', note: 'new' } }));
  await step(table, 'refresh', async (db) => refreshed({ digest: (await load(db[model], ADA)).email.includes('@') ? null : true }));
  await step(table, 'save of a loaded object', (db) => change(db[model], ADA, { note: 'loaded' }));
  const stale = await keyed(async (db) => {
    const row = await load(db[model], ADA);
    await db[model].update({ where: { id: ADA }, data: { email: 'ada@example.org' } });
    return row;
  });
  await step(table, 'stale save', (db) => save(db[model], { ...stale, note: 'stale' }));
  await step(table, 'upsert', (db) => upsert(db[model], { id: ADA, email: 'ada@example.net', note: 'upsert' }));
}

async function patients() {
  const ada = { id: ADA, ssn: '078-05-1120', note: 'new' };
  const getOrCreate = async (db, ssn, id) => (await patientsWith(db, ssn))[0] ?? db.patient.create({ data: { id, ssn, note: 'new' } });
  await step('patients', 'create', (db) => db.patient.create({ data: ada }));
  await step('patients', 'refresh', async (db) => {
    const row = await load(db.patient, ADA);
    return refreshed({ ssn: row.ssn, sealed: row.ssnSealed, index: row.ssnIndex });
  });
  await step('patients', 'open', async (db) => (await patientsWith(db, ada.ssn))[0].ssn);
  await step('patients', 'save after create', (db) => save(db.patient, { ...ada, ssnSealed: null, ssnIndex: null, note: 'again' }));
  await step('patients', 'stale save', (db) => change(db.patient, ADA, { note: 'stale' }));
  await step('patients', 'change', (db) => change(db.patient, ADA, { ssn: '219-09-9999' }));
  await step('patients', 'bulk create', (db) => db.patient.createMany({ data: [
    { id: BOB, ssn: '457-55-5462', note: 'new' }, { id: CEM, ssn: '212-09-7694', note: 'new' }] }));
  await step('patients', 'search', async (db) => (await patientsWith(db, '457-55-5462'))[0].id);
  await step('patients', 'duplicate', (db) => db.patient.create({ data: { id: DAN, ssn: '457-55-5462', note: 'new' } }));
  await step('patients', 'upsert', async (db) => {
    await upsert(db.patient, { id: ADA, ssn: '042-10-3580', note: 'upsert' });
    await upsert(db.patient, { id: DAN, ssn: '165-16-7999', note: 'upsert' });
  });
  await step('patients', 'get or create', async (db) => {
    await getOrCreate(db, '457-55-5462', EVE);
    await getOrCreate(db, '095-07-3645', EVE);
  });
  await step('patients', 'erase', (db) => change(db.patient, ADA, { ssnSealed: null, ssnIndex: null }));
}

async function accounts() {
  await step('accounts', 'create', async (db) => String((await db.account.create({ data: { email: 'one@example.com', note: 'new' } })).id));
  await step('accounts', 'stale save', (db) => change(db.account, 1n, { note: 'stale' }));
  await step('accounts', 'bulk create', (db) => db.account.createMany({ data: [
    { email: 'two@example.com', note: 'new' }, { email: 'three@example.com', note: 'new' }] }));
  await step('accounts', 'verify', (db) => verify(
    async (email) => String((await accountsWith(db, email)).map((row) => row.id)) === '2', 'two@example.com', 'four@example.com'));
  await step('accounts', 'upsert', (db) => upsert(db.account, { id: 1n, email: 'one@example.org', note: 'upsert' }));
}

await people();
await inplace('inplace', 'inPlace');
await inplace('inplace_keep', 'inPlaceKeep');
await patients();
await accounts();
await step.finish();
await prisma.$disconnect();
