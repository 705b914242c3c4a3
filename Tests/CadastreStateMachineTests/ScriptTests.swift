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
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }()

    @Test
    func `there is a script for every kind of rule`() {
        #expect(
            Self.names == [
                "buckets.txt", "clock.txt", "exactly-once.txt", "grants.txt", "lists.txt",
                "objects.txt", "quotas.txt", "tenants.txt",
            ]
        )
    }

    @Test(arguments: names)
    func `a script gives its transcript`(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let parts = text.trimmingCharacters(in: .newlines).appending("\n")
            .components(separatedBy: "\n----\n")
        var script = try Script()
        for line in parts[0].split(separator: "\n").map(String.init) where !line.hasPrefix("#") {
            try script.run(line)
        }
        if ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] != nil {
            let whole = parts[0] + "\n----\n" + script.transcript
            try whole.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(parts.count == 2, "no transcript: set CADASTRE_REWRITE=1")
            #expect(script.transcript == parts.last)
        }
    }
}
