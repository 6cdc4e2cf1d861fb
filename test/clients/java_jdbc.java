// JDBC: prepared statements and batches, as programs write them by hand. The class Recipe comes from docs/clients.md and is
// appended to this file, which is run from its source.
import java.sql.*;
import java.util.*;

class JdbcClient {
    interface Work {
        String run() throws SQLException;
    }

    static final boolean POOL = System.getenv("CAAS_VIA").equals("pool");
    static final UUID ADA = id("ADA"), BOB = id("BOB"), CEM = id("CEM"), DAN = id("DAN"), EVE = id("EVE");
    static Connection connection;

    static UUID id(String name) {
        return UUID.fromString(System.getenv(name));
    }

    public static void main(String[] arguments) throws SQLException {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        Properties login = new Properties();
        login.setProperty("user", System.getenv("PGUSER"));
        connection = POOL ? Recipe.connectToPool(url, login) : Recipe.connect(url, login);
        people();
        inplace("inplace");
        inplace("inplace_keep");
        patients();
        accounts();
        System.out.println(keyed(() -> scalar("SELECT outcome.finish()")));
    }

    // Runs the work with the key: through the pool in a transaction that shows it first.
    static String keyed(Work work) throws SQLException {
        if (!POOL)
            return work.run();
        return transaction(() -> {
            Recipe.showKey(connection);
            return work.run();
        });
    }

    // Through the pool, whatever the client before left; directly, a transaction without the connection's key.
    static String unkeyed(Work work) throws SQLException {
        if (POOL)
            return transaction(work);
        connection.setAutoCommit(false);
        try {
            return transaction(() -> {
                scalar("SELECT set_config('caas.api_key', '', true)");
                return work.run();
            });
        } finally {
            connection.setAutoCommit(true);
        }
    }

    static String transaction(Work work) throws SQLException {
        try {
            String result = work.run();
            connection.commit();
            return result;
        } catch (SQLException error) {
            connection.rollback();
            throw error;
        }
    }

    static PreparedStatement prepare(String sql, Object... values) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        bind(statement, values);
        return statement;
    }

    static void bind(PreparedStatement statement, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++)
            if (values[i] == null)
                statement.setNull(i + 1, Types.NULL);
            else
                statement.setObject(i + 1, values[i]);
    }

    static String execute(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = prepare(sql, values)) {
            statement.execute();
        }
        return "";
    }

    static String scalar(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = prepare(sql, values)) {
            ResultSet rows = statement.executeQuery();
            return rows.next() ? rows.getString(1) : null;
        }
    }

    // One statement for many rows of values.
    static String batch(String sql, Object[]... rows) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (Object[] row : rows) {
                bind(statement, row);
                statement.addBatch();
            }
            statement.executeBatch();
        } catch (BatchUpdateException error) {
            throw error.getNextException();
        }
        return "";
    }

    static Object[] row(Object... values) {
        return values;
    }

    static Map<String, Object> load(String table, Object key) throws SQLException {
        try (PreparedStatement statement = prepare("SELECT * FROM " + table + " WHERE id = ?", key)) {
            ResultSet rows = statement.executeQuery();
            rows.next();
            Map<String, Object> loaded = new LinkedHashMap<>();
            for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++)
                loaded.put(rows.getMetaData().getColumnName(i), rows.getObject(i));
            return loaded;
        }
    }

    // All columns, as a program does that keeps rows as objects.
    static String save(String table, Map<String, Object> object) throws SQLException {
        Map<String, Object> columns = new LinkedHashMap<>(object);
        Object key = columns.remove("id");
        List<Object> values = new ArrayList<>(columns.values());
        values.add(key);
        return execute("UPDATE " + table + " SET " + String.join(" = ?, ", columns.keySet()) + " = ? WHERE id = ?", values.toArray());
    }

    // Pairs of a column's name and its new value.
    static String change(String table, Object key, Object... pairs) throws SQLException {
        Map<String, Object> object = load(table, key);
        for (int i = 0; i < pairs.length; i += 2)
            object.put((String) pairs[i], pairs[i + 1]);
        return save(table, object);
    }

    static String seen(String name, Object value) {
        return name + (value == null ? " no" : " yes");
    }

    static String refusal(SQLException error) {
        boolean hinted = error instanceof org.postgresql.util.PSQLException
            && ((org.postgresql.util.PSQLException) error).getServerErrorMessage().getHint() != null;
        return error.getSQLState().equals("27000") && !hinted ? "27000 without a hint" : error.getSQLState();
    }

    static void step(String relation, String name, Work work) throws SQLException {
        report(relation, name, () -> keyed(work));
    }

    static void report(String relation, String name, Work work) throws SQLException {
        String said;
        try {
            said = work.run();
        } catch (SQLException error) {
            said = refusal(error);
        }
        String seen = said == null ? "" : said;
        System.out.println(keyed(() -> scalar("SELECT outcome.check(?, ?, ?)", relation, name, seen)));
    }

    static void people() throws SQLException {
        String create = "INSERT INTO people (id, login, email, note) VALUES (?, ?, ?, ?)";
        step("people", "create", () -> execute(create, ADA, "ada", "ada@example.com", "new"));
        step("people", "refresh", () -> {
            try (PreparedStatement update = prepare("UPDATE people SET note = 'new' WHERE id = ? RETURNING email, email_digest", ADA)) {
                ResultSet rows = update.executeQuery();
                rows.next();
                return seen("email", rows.getString("email")) + ", " + seen("digest", rows.getString("email_digest"));
            }
        });
        step("people", "save after create", () -> change("people", ADA, "email", "ada@example.com", "email_digest", null, "note", "again"));
        step("people", "stale save", () -> change("people", ADA, "note", "stale"));
        step("people", "partial save", () -> execute("UPDATE people SET note = ? WHERE id = ?", "partial", ADA));
        step("people", "change", () -> change("people", ADA, "email", "ada@example.org"));
        step("people", "bulk create", () -> batch(create, row(BOB, "bob", "bob@example.com", "new"), row(CEM, "cem", "cem@example.com", "new")));
        step("people", "verify", () -> (Recipe.isEmailOf(connection, "bob", "bob@example.com") ? "yes" : "no")
            + (Recipe.isEmailOf(connection, "bob", "ada@example.com") ? " yes" : " no"));
        step("people", "upsert", () -> batch(create + " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, note = EXCLUDED.note",
            row(ADA, "ada", "ada@example.net", "upsert"), row(DAN, "dan", "dan@example.com", "upsert")));
        step("people", "upsert by login from EXCLUDED", () -> execute(
            create + " ON CONFLICT (login) DO UPDATE SET email = EXCLUDED.email", UUID.randomUUID(), "bob", "bob@example.net", "new"));
        step("people", "upsert by login with the value", () -> execute(
            create + " ON CONFLICT (login) DO UPDATE SET email = ?, note = ?", UUID.randomUUID(), "bob", "bob@example.net", "new",
            "bob@example.net", "bulk"));
        step("people", "get or create", () -> batch(create + " ON CONFLICT (login) DO NOTHING",
            row(UUID.randomUUID(), "ada", "zoe@example.com", "new"), row(EVE, "eve", "eve@example.com", "new")));
        step("people", "bulk update", () -> batch("UPDATE people SET email = ?, note = 'bulk' WHERE login = ?",
            row("bob@example.org", "bob"), row("cem@example.org", "cem")));
        step("people", "raw SQL", () -> execute("UPDATE people SET email = ? WHERE login = ?", "dan@example.org", "dan"));
        step("people", "erase", () -> change("people", ADA, "email_digest", null));
        report("people", "without a key", () -> unkeyed(() -> execute(create, UUID.randomUUID(), "zoe", "zoe@example.com", "new")));
    }

    static void inplace(String table) throws SQLException {
        String create = "INSERT INTO " + table + " (id, email, note) VALUES (?, ?, ?)";
        step(table, "create", () -> execute(create, ADA, "ada@example.com", "new"));
        step(table, "refresh", () -> seen("digest", load(table, ADA).get("email").toString().contains("@") ? null : "yes"));
        step(table, "save of a loaded object", () -> change(table, ADA, "note", "loaded"));
        Map<String, Object> stale = new HashMap<>();
        keyed(() -> {
            stale.putAll(load(table, ADA));
            return execute("UPDATE " + table + " SET email = ? WHERE id = ?", "ada@example.org", ADA);
        });
        stale.put("note", "stale");
        step(table, "stale save", () -> save(table, stale));
        step(table, "upsert", () -> execute(
            create + " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, note = EXCLUDED.note", ADA, "ada@example.net", "upsert"));
    }

    static String patientFor(String ssn, UUID key) throws SQLException {
        if (Recipe.patientWith(connection, ssn) == null)
            execute("INSERT INTO patients (id, ssn, note) VALUES (?, ?, 'new')", key, ssn);
        return "";
    }

    static void patients() throws SQLException {
        String create = "INSERT INTO patients (id, ssn, note) VALUES (?, ?, ?)";
        step("patients", "create", () -> execute(create, ADA, "078-05-1120", "new"));
        step("patients", "refresh", () -> {
            Map<String, Object> ada = load("patients", ADA);
            return seen("ssn", ada.get("ssn")) + ", " + seen("sealed", ada.get("ssn_sealed")) + ", " + seen("index", ada.get("ssn_index"));
        });
        step("patients", "open", () -> scalar("SELECT caas_open(id, ssn_sealed, 'patients.ssn') FROM patients WHERE id = ?", ADA));
        step("patients", "save after create", () -> change(
            "patients", ADA, "ssn", "078-05-1120", "ssn_sealed", null, "ssn_index", null, "note", "again"));
        step("patients", "stale save", () -> change("patients", ADA, "note", "stale"));
        step("patients", "change", () -> change("patients", ADA, "ssn", "219-09-9999"));
        step("patients", "bulk create", () -> batch(create, row(BOB, "457-55-5462", "new"), row(CEM, "212-09-7694", "new")));
        step("patients", "search", () -> Recipe.patientWith(connection, "457-55-5462"));
        step("patients", "duplicate", () -> execute(create, DAN, "457-55-5462", "new"));
        step("patients", "upsert", () -> batch(create + " ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn, note = EXCLUDED.note",
            row(ADA, "042-10-3580", "upsert"), row(DAN, "165-16-7999", "upsert")));
        step("patients", "get or create", () -> patientFor("457-55-5462", EVE) + patientFor("095-07-3645", EVE));
        step("patients", "erase", () -> change("patients", ADA, "ssn_sealed", null, "ssn_index", null));
    }

    static void accounts() throws SQLException {
        String verify = "SELECT CASE WHEN caas_verify(caas_uuid('accounts', id), ?, email_digest) THEN 'yes' ELSE 'no' END FROM accounts WHERE id = 2";
        step("accounts", "create", () -> scalar("INSERT INTO accounts (email, note) VALUES (?, 'new') RETURNING id", "one@example.com"));
        step("accounts", "stale save", () -> change("accounts", 1L, "note", "stale"));
        step("accounts", "bulk create", () -> batch("INSERT INTO accounts (email, note) VALUES (?, 'new')",
            row("two@example.com"), row("three@example.com")));
        step("accounts", "verify", () -> scalar(verify, "two@example.com") + " " + scalar(verify, "one@example.com"));
        step("accounts", "upsert", () -> execute("INSERT INTO accounts (id, email, note) VALUES (?, ?, ?)"
            + " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, note = EXCLUDED.note", 1L, "one@example.org", "upsert"));
    }
}

