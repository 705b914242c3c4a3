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
    }

    /// These tests start real processes: `Cluster/test` asks for them, `swift test` alone does not.
    static let isAsked = ProcessInfo.processInfo.environment["CLUSTER_TESTS"] == "1"

    /// The path of a program of this package.
    static func program(_ name: String) -> String {
        root.appending(path: ".build/release/\(name)").path
    }

    /// Runs a program to its end.
    @discardableResult
    static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files, not pipes: a program that starts daemons leaves them the open ends.
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // A leftover folder is harmless.
        let places = ["in", "out", "err"].map { folder.appending(path: $0) }
        try Data(input.utf8).write(to: places[0])
        for place in places[1...] { try Data().write(to: place) }
        process.standardInput = try FileHandle(forReadingFrom: places[0])
        process.standardOutput = try FileHandle(forWritingTo: places[1])
        process.standardError = try FileHandle(forWritingTo: places[2])
        try process.run()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: places[1]), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: places[2]), as: UTF8.self)
        )
    }
}

/// One cluster of real processes in a folder of its own.
final class RunningCluster {
    let folder: URL
    private let environment: [String: String]

    /// Starts three nodes with a tenant, a grant and a bucket.
    init(portShift: Int) throws {
        folder = Shell.root.appending(path: "Cluster/.run/test-\(portShift)")
        environment = ["CLUSTER_RUN": folder.path, "CLUSTER_PORT_SHIFT": "\(portShift)"]
        try cluster("clean")
        try cluster("up", "3")
        try operate("tenant", "create", "demo-tenant")
        try operate("grant", "add", "demo-tenant", "demo-service")
    }

    deinit {
        // What does not stop here is found by the next `clean`.
        try? cluster("clean")
    }

    /// The nodes, as the topology numbers them.
    let nodes = [1, 2, 3]

    /// Runs a verb of `Cluster/cluster`, which must succeed.
    func cluster(_ arguments: String...) throws {
        let script = Shell.root.appending(path: "Cluster/cluster").path
        let result = try Shell.run(script, arguments, environment: environment)
        #expect(result.code == 0, "cluster \(arguments): \(result.errors)")
    }

    /// Runs a verb of `cadastre` as some identity.
    @discardableResult
    func cadastre(as identity: String, _ arguments: [String]) throws -> Shell.Result {
        try Shell.run(
            Shell.program("cadastre"),
            arguments + ["--profile", folder.appending(path: "\(identity).json").path]
        )
    }

    /// Runs a verb as the operator, which must succeed.
    @discardableResult
    func operate(_ arguments: String...) throws -> Shell.Result {
        let result = try cadastre(as: "operator", arguments)
        #expect(result.code == 0, "\(arguments): \(result.errors)")
        return result
    }

    /// Runs a verb as the service, which must succeed.
    @discardableResult
    func serve(_ arguments: String...) throws -> Shell.Result {
        let result = try cadastre(as: "service", arguments)
        #expect(result.code == 0, "\(arguments): \(result.errors)")
        return result
    }

    /// The node that leads.
    func leader() throws -> String {
        try operate("wait-leader", "--timeout", "30").output
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
