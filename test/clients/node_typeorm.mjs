// TypeORM: entities, repositories, its query builder.
import { randomUUID } from 'node:crypto';
import { EntitySchema } from 'typeorm';
import { Account, Patient, Person, accountsWith, connect, connectToPool, patientsWith, peopleWith, withKey } from './recipe_typeorm.mjs';
import { ADA, BOB, CEM, DAN, EVE, pooled, refreshed, steps, verify } from './tap.mjs';

const inplaceEntity = (name, tableName) => new EntitySchema({
  name, tableName,
  columns: { id: { type: 'uuid', primary: true }, email: { type: 'text', nullable: true }, note: { type: 'text', nullable: true } } });
const InPlace = inplaceEntity('InPlace', 'inplace');
const InPlaceKeep = inplaceEntity('InPlaceKeep', 'inplace_keep');

const source = await (pooled ? connectToPool : connect)(Person, Patient, Account, InPlace, InPlaceKeep);
const keyed = pooled ? (work) => withKey(source, work) : (work) => work(source.manager);

// Through the pool, whatever the client before left; directly, a transaction without the connection's key.
const unkeyed = pooled ? (work) => work(source.manager) : (work) => source.transaction(async (manager) => {
  await manager.query("SELECT set_config('caas.api_key', '', true)");
  return work(manager);
});

const scalar = async (manager, sql, values) => Object.values((await manager.query(sql, values))[0])[0];
const step = steps(keyed, scalar);

const load = (manager, entity, id) => manager.findOneByOrFail(entity, { id });

// All columns: manager.save() would write those that differ from the row.
const save = (manager, entity, { id, ...columns }) => manager.update(entity, { id }, columns);

const change = async (manager, entity, id, values) => save(manager, entity, { ...await load(manager, entity, id), ...values });

async function people() {
  const ada = { id: ADA, login: 'ada', email: 'ada@example.com', note: 'new' };
  await step('people', 'create', (manager) => manager.save(Person, { ...ada }));
  await step('people', 'refresh', async (manager) => {
    const row = await load(manager, Person, ADA);
    return refreshed({ email: row.email, digest: row.emailDigest });
  });
  // The object as save() left it: it still holds the plaintext.
  await step('people', 'save after create', (manager) => manager.save(Person, { ...ada, emailDigest: null, note: 'again' }));
  await step('people', 'stale save', (manager) => change(manager, Person, ADA, { note: 'stale' }));
  await step('people', 'partial save', async (manager) => manager.save(Person, { ...await load(manager, Person, ADA), note: 'partial' }));
  await step('people', 'change', async (manager) => manager.save(Person, { ...await load(manager, Person, ADA), email: 'ada@example.org' }));
  await step('people', 'bulk create', (manager) => manager.insert(Person, [
    { id: BOB, login: 'bob', email: 'bob@example.com', note: 'new' }, { id: CEM, login: 'cem', email: 'cem@example.com', note: 'new' }]));
  await step('people', 'verify', (manager) => verify(
    async (email) => (await peopleWith(manager, 'bob', email)).length, 'bob@example.com', 'ada@example.com'));
  await step('people', 'upsert', (manager) => manager.upsert(Person, [
    { ...ada, email: 'ada@example.net', note: 'upsert' }, { id: DAN, login: 'dan', email: 'dan@example.com', note: 'upsert' }], ['id']));
  await step('people', 'upsert by login from EXCLUDED', (manager) => manager.createQueryBuilder().insert().into(Person)
    .values({ id: randomUUID(), login: 'bob', email: 'bob@example.net' }).orUpdate(['email'], ['login']).execute());
  await step('people', 'get or create', async (manager) => {
    const getOrCreate = async (row) => await manager.findOneBy(Person, { login: row.login }) ?? manager.save(Person, row);
    await getOrCreate({ ...ada, id: randomUUID() });
    await getOrCreate({ id: EVE, login: 'eve', email: 'eve@example.com', note: 'new' });
  });
  await step('people', 'bulk update', async (manager) => {
    const rows = await manager.find(Person, { where: [{ login: 'bob' }, { login: 'cem' }] });
    await manager.save(Person, rows.map((row) => ({ ...row, email: `${row.login}@example.org`, note: 'bulk' })));
  });
  await step('people', 'raw SQL', (manager) => manager.query('UPDATE people SET email = $1 WHERE login = $2', ['dan@example.org', 'dan']));
  await step('people', 'erase', (manager) => change(manager, Person, ADA, { emailDigest: null }));
  await step('people', 'without a key', (manager) => manager.insert(Person, { id: randomUUID(), login: 'zoe', email: 'zoe@example.com' }), unkeyed);
}

async function inplace(entity) {
  const table = entity.options.tableName;
  await step(table, 'create', (manager) => manager.insert(entity, { id: ADA, email: 'ada@example.com', note: 'new' }));
  await step(table, 'refresh', async (manager) => refreshed({ digest: (await load(manager, entity, ADA)).email.includes('@') ? null : true }));
  await step(table, 'save of a loaded object', (manager) => change(manager, entity, ADA, { note: 'loaded' }));
  const stale = await keyed(async (manager) => {
    const row = await load(manager, entity, ADA);
    await manager.update(entity, { id: ADA }, { email: 'ada@example.org' });
    return row;
  });
  await step(table, 'stale save', (manager) => save(manager, entity, { ...stale, note: 'stale' }));
  await step(table, 'upsert', (manager) => manager.upsert(entity, { id: ADA, email: 'ada@example.net', note: 'upsert' }, ['id']));
}

async function patients() {
  const ada = { id: ADA, ssn: '078-05-1120', note: 'new' };
  const getOrCreate = async (manager, ssn, id) => (await patientsWith(manager, ssn))[0] ?? manager.insert(Patient, { id, ssn, note: 'new' });
  await step('patients', 'create', (manager) => manager.insert(Patient, { ...ada }));
  await step('patients', 'refresh', async (manager) => {
    const row = await load(manager, Patient, ADA);
    return refreshed({ ssn: row.ssn, sealed: row.ssnSealed, index: row.ssnIndex });
  });
  await step('patients', 'open', (manager) => scalar(
    manager, "SELECT caas_open(id, ssn_sealed, 'patients.ssn') FROM patients WHERE id = $1", [ADA]));
  await step('patients', 'save after create', (manager) => save(manager, Patient, { ...ada, ssnSealed: null, ssnIndex: null, note: 'again' }));
  await step('patients', 'stale save', (manager) => change(manager, Patient, ADA, { note: 'stale' }));
  await step('patients', 'change', (manager) => change(manager, Patient, ADA, { ssn: '219-09-9999' }));
  await step('patients', 'bulk create', (manager) => manager.insert(Patient, [
    { id: BOB, ssn: '457-55-5462', note: 'new' }, { id: CEM, ssn: '212-09-7694', note: 'new' }]));
  await step('patients', 'search', async (manager) => (await patientsWith(manager, '457-55-5462'))[0].id);
  await step('patients', 'duplicate', (manager) => manager.insert(Patient, { id: DAN, ssn: '457-55-5462', note: 'new' }));
  await step('patients', 'upsert', (manager) => manager.upsert(Patient, [
    { id: ADA, ssn: '042-10-3580', note: 'upsert' }, { id: DAN, ssn: '165-16-7999', note: 'upsert' }], ['id']));
  await step('patients', 'get or create', async (manager) => {
    await getOrCreate(manager, '457-55-5462', EVE);
    await getOrCreate(manager, '095-07-3645', EVE);
  });
  await step('patients', 'erase', (manager) => change(manager, Patient, ADA, { ssnSealed: null, ssnIndex: null }));
}

async function accounts() {
  await step('accounts', 'create', async (manager) => String((await manager.save(Account, { email: 'one@example.com', note: 'new' })).id));
  await step('accounts', 'stale save', (manager) => change(manager, Account, '1', { note: 'stale' }));
  await step('accounts', 'bulk create', (manager) => manager.insert(Account, [
    { email: 'two@example.com', note: 'new' }, { email: 'three@example.com', note: 'new' }]));
  await step('accounts', 'verify', (manager) => verify(
    async (email) => String((await accountsWith(manager, email)).map((row) => row.id)) === '2', 'two@example.com', 'four@example.com'));
  await step('accounts', 'upsert', (manager) => manager.upsert(Account, { id: '1', email: 'one@example.org', note: 'upsert' }, ['id']));
}

await people();
await inplace(InPlace);
await inplace(InPlaceKeep);
await patients();
await accounts();
await step.finish();
await source.destroy();
