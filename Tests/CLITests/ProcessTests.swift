import Foundation
import Testing

/// The tool as scripts meet it: exit codes, pipes, signals.
@Suite
struct `Processes` {
    @Test(arguments: ["completions bash", "--help", "--version"])
    func `results that cannot be written are an error of their own`(_ line: String) throws {
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let result = try Tool.run(line.split(separator: " ").map(String.init), output: full)
        #expect(result.code == 74)
        #expect(result.errors.contains("No space left on device"))
    }

    @Test
    func `a reader that has seen enough is no error`() throws {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let result = try Tool.run(["completions", "bash"], output: pipe.fileHandleForWriting)
        #expect(result.code == 0)
        #expect(result.errors == "")
    }

    @Test
    func `an argument that is not UTF-8 is refused and not changed into another`() throws {
        let script = "\"$0\" object get photos \"$(printf 'a\\377')\" --json"
        let result = try Tool.run(["-c", script, Tool.path], program: "/bin/sh")
        #expect(result.code == 64)
        #expect(try result.errorCode() == 64)
        #expect(result.errors.contains("argument 4, 'a\\xFF', is not UTF-8"))
        #expect(result.errors.contains("--key-encoded"))
    }

    @Test
    func `without gzip a packed inventory is refused before anything is sent`() throws {
        try withFolder { folder in
            let path = folder + "/inventory.csv.gz"
            try Data([0x1F, 0x8B]).write(to: URL(fileURLWithPath: path))
            let result = try Tool.run(
                ["import", "inventory", path, "--json"],
                environment: ["PATH": folder]
            )
            #expect(result.code == 69)
            #expect(try result.errorCode() == 69)
            #expect(result.errors.contains("install gzip"))
        }
    }

    @Test(arguments: [
        ("frobnicate", 64), ("status", 78), ("status --profile /nonexistent", 66),
        ("object get photos k", 78), ("object put photos k --size x", 64),
        ("object put photos k --file /dev/null", 66), ("verify", 78), ("bench put", 78),
        ("export inventory f.csv", 78), ("import directory /nonexistent --bucket b", 66),
        ("import inventory /nonexistent.csv", 66), ("import inventory /nonexistent.json", 66),
        ("compare directory /nonexistent --bucket b", 66), ("log show /nonexistent", 66),
        ("genesis create --cluster c --member nonsense", 64), ("pki show /nonexistent", 66),
        ("history check /nonexistent", 66), ("history check /etc", 74),
        ("history check /etc/hostname", 65),
    ])
    func `with --json every failure says its exit code`(_ line: String, code: Int) throws {
        let words = line.split(separator: " ").map(String.init)
        let result = try Tool.run(words + ["--json"])
        #expect(Int(result.code) == code, "\(result.errors)")
        #expect(try result.errorCode() == result.code)
        #expect(result.errors.hasPrefix("cadastre: "))
    }

    /// Options for a cluster of which no node listens.
    private func absentCluster(_ folder: String) throws -> [String] {
        for words in [
            ["pki", "init", "--directory", folder],
            [
                "pki", "issue", "--identity", "cadastre://c/tenant/acme/u", "--directory", folder,
                "--output", folder + "/u",
            ],
        ] {
            let result = try Tool.run(words)
            #expect(result.code == 0, "\(result.errors)")
        }
        return [
            "--cluster", "c", "--endpoint", "127.0.0.1:1", "--certificate", folder + "/u.pem",
            "--key", folder + "/u.key", "--roots", folder + "/root.pem",
        ]
    }

    @Test
    func `an import that finds no cluster still says what it did`() throws {
        try withFolder { folder in
            let path = folder + "/inventory.csv"
            let text = "nonsense\nphotos,a,,true,false,1,,\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let words = ["import", "inventory", path, "--json", "--patience", "0.2"]
            let result = try Tool.run(words + absentCluster(folder))
            #expect(result.code == 69)
            #expect(try result.errorCode() == 69)
            #expect(try result.json()["bad_lines"] as? Int == 1)
            #expect(try result.json()["acknowledged"] as? Int == 0)
            #expect(result.errors.contains("line 1: it has 1 columns instead of 8"))
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `a signal ends an import in order, with its report`(_ signal: Int32) throws {
        try withFolder { folder in
            let words = ["import", "inventory", "-", "--json"]
            let tool = try Tool(words + absentCluster(folder))
            // More than a pipe holds: once it is written, the tool is at work.
            let lines = String(repeating: "bad\n", count: 100_000)
            try tool.input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
            tool.signal(signal)
            let result = try tool.end()
            #expect(result.code == 128 + signal)
            #expect(try result.errorCode() == 128 + signal)
            #expect(try (result.json()["bad_lines"] as? Int ?? 0) > 0)
            try tool.input.fileHandleForWriting.close()
        }
    }

    @Test
    func `what is packed and comes through a pipe is to be unpacked on the way`() throws {
        try withFolder { folder in
            let words = ["import", "inventory", "-", "--json"]
            let tool = try Tool(words + absentCluster(folder))
            try tool.input.fileHandleForWriting.write(contentsOf: Data([0x1F, 0x8B, 8, 0]))
            try tool.input.fileHandleForWriting.close()
            let result = try tool.end()
            #expect(result.code == 65)
            #expect(result.errors.contains("gzip -dc"))
        }
    }
}
