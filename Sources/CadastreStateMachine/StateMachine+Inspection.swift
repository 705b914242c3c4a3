/// What an operator or a test may ask of the database itself.
extension StateMachine {
    /// What SQLite finds wrong in the structure of the file; empty if nothing.
    ///
    /// Reads all of it.
    package func integrityProblems() throws(StateMachineError) -> [String] {
        try checkLatch()
        do {
            let statement = try Statement("PRAGMA integrity_check", on: rows.connection)
            var found: [String] = []
            while try statement.step() { found.append(statement.string(0)) }
            return found == ["ok"] ? [] : found
        } catch {
            throw recover(from: error)
        }
    }

    /// How SQLite runs each of the statements that are prepared for commands and queries, in its own
    /// words.
    package func queryPlans() throws(StateMachineError) -> [(statement: String, plan: String)] {
        try checkLatch()
        do {
            var plans: [(statement: String, plan: String)] = []
            for text in rows.connection.preparedTexts {
                let statement = try Statement("EXPLAIN QUERY PLAN \(text)", on: rows.connection)
                var steps: [String] = []
                while try statement.step() { steps.append(statement.string(3)) }
                plans.append((text, steps.joined(separator: "; ")))
            }
            return plans
        } catch {
            throw recover(from: error)
        }
    }
}
