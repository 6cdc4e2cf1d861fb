// Shared by the clients in JavaScript: the steps, whose lines of TAP the server makes (outcomes.sql), and the errors.
export const pooled = process.env.CAAS_VIA === 'pool';
export const { ADA, BOB, CEM, DAN, EVE } = process.env;

// The SQLSTATE of the driver's error that an ORM wraps (Prisma has codes of its own, P1000 to P6999); with a complaint where a hint should have come.
export function refusal(error) {
  for (let inner = error; inner; inner = inner.cause ?? inner.driverError ?? inner.meta?.driverAdapterError) {
    const state = inner.originalCode ?? inner.code;
    if (/^[0-9A-Z]{5}$/.test(state) && !/^P[1-6]\d{3}$/.test(state)) return state !== '27000' || inner.hint ? state : `${state} without a hint`;
  }
  throw error;
}

// Describes what a client sees of a row: refreshed({ email: null, digest: '..' }) is "email no, digest yes".
export const refreshed = (columns) =>
  Object.entries(columns).map(([name, value]) => `${name} ${value === null || value === undefined ? 'no' : 'yes'}`).join(', ');

// Asks one after the other: verify(isRight, 'right', 'wrong') is "yes no".
export async function verify(isRight, ...values) {
  const answers = [];
  for (const value of values) answers.push(await isRight(value) ? 'yes' : 'no');
  return answers.join(' ');
}

// keyed(work) runs work(db) where the key is shown; scalar(db, sql, values) runs a statement and returns its one value.
// A step's work returns what the client saw, when that is a text.
export function steps(keyed, scalar) {
  const step = async (relation, name, work, run = keyed) => {
    let said;
    try {
      said = await run(work);
    } catch (error) {
      said = refusal(error);
    }
    const values = [relation, name, typeof said === 'string' ? said : ''];
    console.log(await keyed((db) => scalar(db, 'SELECT outcome.check($1, $2, $3) AS line', values)));
  };
  step.finish = async () => console.log(await keyed((db) => scalar(db, 'SELECT outcome.finish() AS line', [])));
  return step;
}
