import Testing

/// The scripts that look for mistakes, as far as they can be wrongly called.
extension ClusterTests {
    @Test
    func `what looks for mistakes says what it takes before it builds anything`() throws {
        for (script, arguments, words) in [
            ("fuzz", ["--runs", "many"], "--runs takes a number of executions"),
            ("fuzz", ["--frobnicate"], "unknown option --frobnicate"),
            ("nightly", ["--shard", "3/2"], "shard 3 of 2 does not exist"),
            ("nightly", ["--minutes", "soon"], "--minutes takes a number"),
            ("nightly", ["--only", "luck"], "--only takes tests, processes"),
        ] {
            let result = try Shell.run(Shell.script(script), arguments)
            #expect(result.code == 64)
            #expect(result.errors.contains(words), "\(result.errors)")
        }
    }

    @Test
    func `every decoder is a unit of the nightly run`() throws {
        let list = try Shell.run(Shell.script("nightly"), ["--list"])
        #expect(list.code == 0)
        let units = [
            "processes-tortured", "seeds-19000", "mutants-ack-before-sync", "fuzz-frame",
            "fuzz-inventory-line", "thread-", "address-",
        ]
        for unit in units {
            #expect(list.output.contains(unit))
        }
    }
}
