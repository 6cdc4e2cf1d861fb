# ActiveRecord: models, upsert_all, insert_all, and raw SQL by its connection.
require "securerandom"
require_relative "recipe_activerecord"

POOL = ENV.fetch("CAAS_VIA") == "pool"
ADA, BOB, CEM, DAN, EVE = %w[ADA BOB CEM DAN EVE].map { |name| ENV.fetch(name) }
POOL ? connect_to_pool : connect

class InPlace < ActiveRecord::Base
  self.table_name = "inplace"
end

class InPlaceKeep < ActiveRecord::Base
  self.table_name = "inplace_keep"
end

def database = ActiveRecord::Base.connection

def query(sql, *values) = database.exec_query(sql, "SQL", values).rows

def keyed(&work) = POOL ? with_key(&work) : work.call

# Through the pool, whatever the client before left; directly, a transaction without the connection's key.
def unkeyed
  return yield if POOL

  ActiveRecord::Base.transaction do
    query("SELECT set_config('caas.api_key', '', true)")
    yield
  end
end

# The SQLSTATE of the driver's error; with a complaint where a hint should have come.
def refusal(error)
  result = error.cause.respond_to?(:result) && error.cause.result or raise error
  state = result.error_field(PG::Result::PG_DIAG_SQLSTATE)
  hint = result.error_field(PG::Result::PG_DIAG_MESSAGE_HINT)
  state != "27000" || hint ? state : "#{state} without a hint"
end

# A step's block returns what the client saw, when that is a text.
def step(relation, name, context = method(:keyed), &work)
  said = begin
    context.call(&work)
  rescue ActiveRecord::StatementInvalid => e
    refusal(e)
  end
  line = keyed { query("SELECT outcome.check($1, $2, $3)", relation, name, said.is_a?(String) ? said : "") }
  puts line[0][0]
end

def refreshed(columns) = columns.map { |name, value| "#{name} #{value.nil? ? "no" : "yes"}" }.join(", ")

# All columns: save would write those that changed.
def save(row) = row.class.where(id: row.id).update_all(row.attributes.except("id"))

def change(model, id, **values) = save(model.find(id).tap { |row| row.assign_attributes(values) })

def people
  ada = { id: ADA, login: "ada", email: "ada@example.com", note: "new" }
  step("people", "create") { Person.create!(ada) && nil }
  step("people", "refresh") do
    row = Person.find(ADA).reload
    refreshed(email: row.email, digest: row.email_digest)
  end
  step("people", "save after create") { save(Person.new(ada.merge(note: "again"))) }
  step("people", "stale save") { change(Person, ADA, note: "stale") }
  step("people", "partial save") { Person.find(ADA).update!(note: "partial") }
  step("people", "change") { change(Person, ADA, email: "ada@example.org") }
  step("people", "bulk create") do
    Person.insert_all!(%w[bob cem].zip([BOB, CEM]).map { |login, id| { id: id, login: login, email: "#{login}@example.com", note: "new" } })
  end
  step("people", "verify") { %w[bob@example.com ada@example.com].map { |email| Person.with_email("bob", email).any? ? "yes" : "no" }.join(" ") }
  step("people", "upsert") do
    Person.upsert_all([{ id: ADA, login: "ada", email: "ada@example.net", note: "upsert" },
                       { id: DAN, login: "dan", email: "dan@example.com", note: "upsert" }])
  end
  step("people", "upsert by login from EXCLUDED") do
    Person.upsert({ id: SecureRandom.uuid, login: "bob", email: "bob@example.net" }, unique_by: :login)
  end
  step("people", "get or create") do
    Person.find_or_create_by!(login: "ada") { |row| row.assign_attributes(id: SecureRandom.uuid, email: "zoe@example.com") }
    Person.find_or_create_by!(login: "eve") { |row| row.assign_attributes(id: EVE, email: "eve@example.com", note: "new") }
  end
  step("people", "bulk update") { Person.where(login: %w[bob cem]).each { |row| row.update!(email: "#{row.login}@example.org", note: "bulk") } }
  step("people", "raw SQL") { query("UPDATE people SET email = $1 WHERE login = $2", "dan@example.org", "dan") }
  step("people", "erase") { change(Person, ADA, email_digest: nil) }
  step("people", "without a key", method(:unkeyed)) { Person.create!(id: SecureRandom.uuid, login: "zoe", email: "zoe@example.com") }
end

def inplace(model)
  table = model.table_name
  step(table, "create") { model.create!(id: ADA, email: "ada@example.com", note: "new") }
  step(table, "refresh") { refreshed(digest: model.find(ADA).email.include?("@") ? nil : true) }
  step(table, "save of a loaded object") { change(model, ADA, note: "loaded") }
  stale = keyed { model.find(ADA).tap { model.find(ADA).update!(email: "ada@example.org") } }
  step(table, "stale save") { save(stale.tap { |row| row.note = "stale" }) }
  step(table, "upsert") { model.upsert({ id: ADA, email: "ada@example.net", note: "upsert" }) }
end

def patient_for(ssn, id) = Patient.with_ssn(ssn).first || Patient.create!(id: id, ssn: ssn, note: "new")

def patients
  ada = { id: ADA, ssn: "078-05-1120", note: "new" }
  step("patients", "create") { Patient.create!(ada) }
  step("patients", "refresh") do
    row = Patient.find(ADA)
    refreshed(ssn: row.ssn, sealed: row.ssn_sealed, index: row.ssn_index)
  end
  step("patients", "open") { Patient.with_ssn("078-05-1120").first.opened }
  step("patients", "save after create") { save(Patient.new(ada.merge(note: "again"))) }
  step("patients", "stale save") { change(Patient, ADA, note: "stale") }
  step("patients", "change") { change(Patient, ADA, ssn: "219-09-9999") }
  step("patients", "bulk create") do
    Patient.insert_all!([{ id: BOB, ssn: "457-55-5462", note: "new" }, { id: CEM, ssn: "212-09-7694", note: "new" }])
  end
  step("patients", "search") { Patient.with_ssn("457-55-5462").first.id }
  step("patients", "duplicate") { Patient.create!(id: DAN, ssn: "457-55-5462", note: "new") }
  step("patients", "upsert") do
    Patient.upsert_all([{ id: ADA, ssn: "042-10-3580", note: "upsert" }, { id: DAN, ssn: "165-16-7999", note: "upsert" }])
  end
  step("patients", "get or create") { [patient_for("457-55-5462", EVE), patient_for("095-07-3645", EVE)] }
  step("patients", "erase") { change(Patient, ADA, ssn_sealed: nil, ssn_index: nil) }
end

def accounts
  step("accounts", "create") { Account.create!(email: "one@example.com", note: "new").id.to_s }
  step("accounts", "stale save") { change(Account, 1, note: "stale") }
  step("accounts", "bulk create") { Account.insert_all!(%w[two three].map { |name| { email: "#{name}@example.com", note: "new" } }) }
  step("accounts", "verify") do
    %w[two@example.com four@example.com].map { |email| Account.with_email(email).map(&:id) == [2] ? "yes" : "no" }.join(" ")
  end
  step("accounts", "upsert") { Account.upsert({ id: 1, email: "one@example.org", note: "upsert" }) }
end

people
inplace(InPlace)
inplace(InPlaceKeep)
patients
accounts
puts(keyed { query("SELECT outcome.finish()") }[0][0])
