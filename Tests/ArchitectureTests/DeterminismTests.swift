import Foundation
import Testing

/// What makes two runs of one seed differ is banned below CadastreRuntime.
@Suite
struct DeterminismTests {
    /// The targets that the simulator replays.
    static let deterministic = [
        "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage", "CadastreStateMachine",
        "CadastreNode", "CadastreHistory", "CadastreSimulation",
    ]

    /// A name and why it is not used there.
    static let banned: [(pattern: String, reason: String)] = [
        (#"\bTask\s*(\{|\.|<)"#, "tasks run in no fixed order"),
        (#"\basync\b|\bawait\b"#, "suspension points run in no fixed order"),
        (#"\b(ContinuousClock|SuspendingClock|Date|DispatchTime)\b"#, "time is handed in"),
        (#"\b(clock_gettime|gettimeofday|time)\s*\("#, "time is handed in"),
        (#"\bUUID\s*\("#, "random ids come in the entry"),
        (
            #"\bSystemRandomNumberGenerator\b|\.random\(in:[^)]*\)(?!.*using)"#,
            "random numbers are seeded"
        ),
        (#"\b(arc4random|getrandom|rand)\s*\("#, "random numbers are seeded"),
        (
            #"\b(Mutex|NSLock|pthread_\w+|DispatchQueue|DispatchSemaphore)\b"#,
            "stages are single-threaded values"
        ),
        (#"\b(Double|Float|Float32|Float64|CGFloat)\b"#, "floating point differs by machine"),
        (#"\bhashValue\b"#, "hash seeds differ between processes"),
    ]

    @Test(arguments: deterministic)
    func `nothing that varies between runs is used below the runtime`(target: String) throws {
        let patterns = try Self.banned.map { (try Regex($0.pattern), $0.reason) }
        for file in try Repository.files(of: target) {
            for (number, line) in file.lines.enumerated() {
                for (pattern, reason) in patterns where line.firstMatch(of: pattern) != nil {
                    let code = line.trimmingCharacters(in: .whitespaces)
                    Issue.record("\(file):\(number + 1) \(code): \(reason)")
                }
            }
        }
    }

    @Test(arguments: deterministic)
    func `nothing runs over a dictionary or a set in its own order`(target: String) throws {
        for file in try Repository.files(of: target) {
            for place in try UnorderedIteration.places(in: file.lines) {
                Issue.record("\(file):\(place.line) goes through \(place.name) in no fixed order")
            }
        }
    }

    @Test(arguments: [
        "for key in table { }", "for (key, value) in self.table { }", "for key in table.keys { }",
        "let all = table.map { $0.key }", "let all = table.values.filter { $0 > 1 }",
        "return Array(table.values)", "let one = table.first { $0.value == 1 }",
        "names.forEach { use($0) }", "let all = table.compactMap(\\.value)",
        "let few = table.filter { $0.value > 1 }.map(\\.key)",
    ])
    func `an iteration in no fixed order is found`(line: String) throws {
        let lines = ["var table: [Int: UInt64] = [:]", "let names: Set<Int> = []", line]
        #expect(try UnorderedIteration.places(in: lines).map(\.line) == [3])
    }

    @Test(arguments: [
        "for key in table.keys.sorted() { }", "for item in table[key] { }",
        "table[key]?.map { $0 }",
        "let all = table.map(\\.key).sorted()", "let sum = table.values.reduce(0, +)",
        "if table.values.contains(4) { }", "let is = table.values.allSatisfy { $0 > 2 }",
        "let other = table.mapValues { $0 + 1 }", "let few = table.count { $0.value == 3 }",
        "let next = other.table.map { $0 }", "let least = table.values.min()",
        "table = table.filter { $0.value > 1 }",
    ])
    func `what does not depend on the order passes`(line: String) throws {
        let lines = ["var table: [Int: UInt64] = [:]", line]
        #expect(try UnorderedIteration.places(in: lines).isEmpty)
    }
}
