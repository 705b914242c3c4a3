import Foundation
import Testing

/// Programs of the release build, run as a person would run them.
enum Shell {
    /// The folder that holds `Package.swift`.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What a program did.
    struct Result {
        var code: Int32
        var output: String
        var errors: String

        /// The last line of its output as an object.
        func json() throws -> [String: Any] {
            let line = try #require(output.split(separator: "\n").last, "no output: \(errors)")
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require(object as? [String: Any])
        }
    }

    /// These tests start real processes: `Cluster/test` asks for them, `swift test` alone does not.
    static let isAsked = ProcessInfo.processInfo.environment["CLUSTER_TESTS"] == "1"

    /// The path of a program of this package.
    static func program(_ name: String) -> String {
        root.appending(path: ".build/release/\(name)").path
    }

    /// The path of a script of `Cluster/`.
    static func script(_ name: String) -> String {
        root.appending(path: "Cluster/\(name)").path
    }

    /// Runs a program to its end.
    @discardableResult
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Result {
        let running = try Running(
            program,
            arguments,
            environment: environment,
            input: input
        )
        return try running.end()
    }
}

/// A program that has been started.
final class Running {
    private let process = Process()
    private let folder: URL

    /// Starts it.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) throws {
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = Shell.root
        // Whoever runs these tests has built: a script that builds would wait for them.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["CLUSTER_PREPARED": "1"]) { $1 }
            .merging(environment) { $1 }
        // Files, not pipes: a program that starts daemons leaves them the open ends.
        folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let places = ["in", "out", "err"].map { folder.appending(path: $0) }
        try Data(input.utf8).write(to: places[0])
        for place in places[1...] { try Data().write(to: place) }
        process.standardInput = try FileHandle(forReadingFrom: places[0])
        process.standardOutput = try FileHandle(forWritingTo: places[1])
        process.standardError = try FileHandle(forWritingTo: places[2])
        try process.run()
    }

    /// Whether it has not ended yet.
    var isRunning: Bool { process.isRunning }

    /// Its number.
    var processIdentifier: Int32 { process.processIdentifier }

    /// Sends it a signal.
    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for its end, which is a violent one after ten minutes: what waits for ever is a failure of
    /// this test and not of all.
    func end() throws -> Shell.Result {
        let number = process.processIdentifier
        let end = DispatchWorkItem { kill(number, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(600), execute: end)
        process.waitUntilExit()
        end.cancel()
        // A leftover folder is harmless.
        defer { try? FileManager.default.removeItem(at: folder) }
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
        }
        return Shell.Result(
            code: process.terminationStatus,
            output: try text("out"),
            errors: try text("err")
        )
    }
}
