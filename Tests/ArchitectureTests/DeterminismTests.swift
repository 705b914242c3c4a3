import Foundation
import Testing

/// What makes two runs of one seed differ is banned below CadastreRuntime.
@Suite
struct DeterminismTests {
    /// The targets that the simulator replays.
    static let deterministic = [
        "RaftCore", "CadastreProtocol", "CadastreStorage", "CadastreStateMachine", "CadastreNode",
        "CadastreSimulation",
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
                    // A simulation counts in virtual seconds and prints rates for people.
                    if target == "CadastreSimulation", line.contains("Double") { continue }
                    let code = line.trimmingCharacters(in: .whitespaces)
                    Issue.record("\(file):\(number + 1) \(code): \(reason)")
                }
            }
        }
    }

    @Test(arguments: deterministic)
    func `no loop runs over a dictionary or a set`(target: String) throws {
        let declaration = try Regex(
            #"\b(?:var|let)\s+(\w+)\s*(?::\s*(?:\[(?!\()[^\[\]]*(?:\[[^\]]*\])?\s*:\s|Set<|Dictionary<)|=\s*(?:\[[\w\.<>\[\]]+\s*:\s*[^\]]*\]\(\)|Set<))"#
        )
        for file in try Repository.files(of: target) {
            let names = Set(
                file.lines.compactMap { line -> String? in
                    guard let match = line.firstMatch(of: declaration) else { return nil }
                    return match.output[1].substring.map(String.init)
                }
            )
            for (number, line) in file.lines.enumerated() {
                guard let place = line.range(of: #"\bfor\b.*\bin\b"#, options: .regularExpression)
                else { continue }
                let iterated = line[place.upperBound...].trimmingCharacters(in: .whitespaces)
                    .prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
                let root = iterated.split(separator: ".").map(String.init)
                guard let name = root.first(where: { $0 != "self" }), names.contains(name),
                    !line.contains(".sorted")
                else { continue }
                // `for x in table[key]` iterates what the table holds.
                let rest = line[place.upperBound...].trimmingCharacters(in: .whitespaces)
                    .dropFirst(iterated.count)
                guard !rest.hasPrefix("[") else { continue }
                Issue.record("\(file):\(number + 1) iterates \(name) in no fixed order")
            }
        }
    }
}
