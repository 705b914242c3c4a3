import Foundation
import Testing

/// What the README says is there.
@Suite
struct DocumentTests {
    @Test
    func `every path that the README names exists`() throws {
        let readme = try String(
            contentsOf: Repository.root.appending(path: "README.md"),
            encoding: .utf8
        )
        let path = try Regex(#"`((?:Sources|Tests|Benchmarks|Cluster)(?:/[\w\.\-\+]+)*/?)"#)
        let named = readme.matches(of: path).compactMap { $0.output[1].substring.map(String.init) }
        #expect(named.count > 10)
        for name in named where !name.hasPrefix("Cluster/.run") {
            let place = Repository.root.appending(path: name)
            #expect(
                FileManager.default.fileExists(atPath: place.path),
                "the README names \(name), which does not exist"
            )
        }
    }

    @Test
    func `the README fits on three screens`() throws {
        let readme = try String(
            contentsOf: Repository.root.appending(path: "README.md"),
            encoding: .utf8
        )
        #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count < 150)
    }

    @Test
    func `every verb of the tool is listed in its command`() throws {
        let verbs = try Repository.files(of: "cadastre")
            .filter { $0.path.contains("/Verbs/") }
        let all = try Repository.files(of: "cadastre").flatMap(\.lines).joined(separator: "\n")
        let name = try Regex(#"struct\s+(\w+)\s*:\s*[^\{]*(?:Command|Verb)\b"#)
        for file in verbs {
            for line in file.lines {
                guard let match = line.firstMatch(of: name),
                    let verb = match.output[1].substring.map(String.init)
                else { continue }
                #expect(all.contains("\(verb).self"), "\(verb) in \(file) is in no list of verbs")
            }
        }
    }
}
