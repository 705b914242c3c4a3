@testable import RaftCore
import Foundation
import Testing

/// Every file under `Scripts/` is a test: commands, `----`, the whole transcript that they give.
///
/// `CADASTRE_REWRITE=1` writes the transcripts anew; the diff is for a reviewer.
@Suite
struct ScriptTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Scripts")

    static let names: [String] = {
        let topics = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return topics.flatMap { topic in
            let path = folder.appending(path: topic).path
            let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return files.filter { $0.hasSuffix(".txt") }.map { "\(topic)/\($0)" }
        }.sorted()
    }()

    @Test
    func `there are scripts for every topic`() {
        #expect(Self.names.count >= 14)
        for topic in ["election", "replication", "read", "transfer", "membership", "snapshot"] {
            #expect(Self.names.contains { $0.hasPrefix(topic + "/") })
        }
    }

    @Test(arguments: names)
    func `a script gives its transcript`(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let parts = text.components(separatedBy: "\n----\n")
        var script = Script()
        let commands = parts[0].split(separator: "\n").map(String.init)
        for line in commands where !line.hasPrefix("#") { script.run(line) }
        #expect(script.problems.isEmpty)
        if ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] != nil {
            let whole = parts[0] + "\n----\n" + script.transcript
            try whole.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(parts.count == 2, "no transcript: set CADASTRE_REWRITE=1")
            #expect(script.transcript == parts.last)
        }
    }
}
