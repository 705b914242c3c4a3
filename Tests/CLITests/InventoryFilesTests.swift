import Foundation
import Testing

@testable import cadastre

@Suite
struct `Inventory files` {
    @Test
    func `a compressed inventory is read through gzip, and a damaged one is named`() throws {
        try withFolder { folder in
            let path = folder + "/inventory.csv.gz"
            let destination = try InventoryDestination(path: path)
            let lines = (0..<2000).map { number in
                InventoryLine(
                    bucket: Array("photos".utf8),
                    key: Array("key \(number)".utf8),
                    size: UInt64(number),
                    modifiedMilliseconds: UInt64(number) * 1000,
                    etag: []
                )
            }
            for line in lines { try destination.add(line) }
            try destination.finish()
            var read: [InventoryLine] = []
            let file = InventoryFile(path: path, size: 1)
            try InventorySource(file).read { record in
                if case .fields(let fields, _) = record, let line = try? InventoryLine(fields) {
                    read.append(line)
                }
            }
            #expect(read == lines)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(bytes.prefix(2) == Data([0x1F, 0x8B]))
            try bytes.dropLast(40).write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: Failure.self) {
                try InventorySource(file).read { _ in }
            }
            #expect(failure?.status == .badData)
            let missing = #expect(throws: Failure.self) {
                try InventoryFiles([folder + "/none.csv"])
            }
            #expect(missing?.status == .missingInput)
        }
    }

    @Test
    func `an export that fails leaves nothing behind and what stood there before`() throws {
        try withFolder { folder in
            for name in ["inventory.csv", "inventory.csv.gz"] {
                let path = folder + "/" + name
                try Data("before".utf8).write(to: URL(fileURLWithPath: path))
                let destination = try InventoryDestination(path: path)
                destination.abandon()
                #expect(try String(contentsOfFile: path, encoding: .utf8) == "before")
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(left.sorted() == ["inventory.csv", "inventory.csv.gz"])
        }
    }

    @Test(arguments: ["/dev/null", "/tmp"])
    func `an export never takes the place of a device or folder`(_ path: String) {
        let failure = #expect(throws: Failure.self) { try InventoryDestination(path: path) }
        #expect(failure?.status == .cannotCreate)
    }

    @Test
    func `gzip is looked for in every folder of the list`() throws {
        try withFolder { folder in
            #expect(Gzip.path(in: "") == nil)
            #expect(Gzip.path(in: "\(folder):/nonexistent") == nil)
            let path = folder + "/gzip"
            try Data().write(to: URL(fileURLWithPath: path))
            #expect(Gzip.path(in: folder) == nil)
            #expect(chmod(path, 0o755) == 0)
            #expect(Gzip.path(in: "/nonexistent:\(folder)") == path)
        }
    }

    private func manifest(
        _ files: String,
        format: String = "CSV",
        schema: String = "Bucket, Key, Size"
    ) -> Data {
        Data(
            """
            {"sourceBucket": "photos", "fileFormat": "\(format)", "fileSchema": "\(schema)",
             "files": [\(files)]}
            """.utf8
        )
    }

    @Test(arguments: [
        "m/2026-03-01T01-00Z/one.csv", "m/2026-03-01T01-00Z/data/one.csv", "m/data/one.csv",
        "inventory/photos/m/data/one.csv",
    ])
    func `a manifest's data files are found where a copy of the bucket has them`(
        _ place: String
    ) throws {
        try withFolder { folder in
            let manager = FileManager.default
            for path in ["m/2026-03-01T01-00Z/manifest.json", place] {
                let url = URL(fileURLWithPath: folder + "/" + path)
                try manager.createDirectory(
                    at: url.deletingLastPathComponent(),
                    withIntermediateDirectories: true
                )
                let data =
                    path == place
                    ? Data("photos,a,1\n".utf8)
                    : manifest("{\"key\": \"inventory/photos/m/data/one.csv\", \"size\": 11}")
                try data.write(to: url)
            }
            let files = try InventoryFiles([folder + "/m/2026-03-01T01-00Z/manifest.json"])
            let file = try #require(files.files.first)
            #expect(files.files.count == 1)
            #expect(file.path == folder + "/" + place)
            #expect(files.size == 11)
            #expect(try file.columns == InventoryColumns(naming: ["Bucket", "Key", "Size"]))
        }
    }

    @Test
    func `a manifest that cannot be used says why`() throws {
        try withFolder { folder in
            let path = folder + "/manifest.json"
            func failure(_ data: Data) throws -> Failure? {
                try data.write(to: URL(fileURLWithPath: path))
                return #expect(throws: Failure.self) { try InventoryFiles([path]) }
            }
            let missing = try failure(manifest("{\"key\": \"data/none.csv.gz\", \"size\": 1}"))
            #expect(missing?.status == .missingInput)
            #expect(missing?.sentence.contains("data/none.csv.gz") == true)
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/short.csv"))
            let short = try failure(manifest("{\"key\": \"short.csv\", \"size\": 100}"))
            #expect(short?.status == .badData)
            let outside = try failure(manifest("{\"key\": \"../../etc/passwd\"}"))
            #expect(outside?.status == .badData)
            #expect(try failure(manifest("", format: "ORC"))?.sentence.contains("ORC") == true)
            #expect(try failure(manifest("", schema: "Bucket, Key"))?.status == .badData)
            #expect(try failure(Data("[]".utf8))?.status == .badData)
        }
    }

    @Test
    func `a folder, or standard input twice, is no inventory`() throws {
        let folder = #expect(throws: Failure.self) { try InventoryFiles(["/tmp"]) }
        #expect(folder?.status == .missingInput)
        let twice = #expect(throws: Failure.self) { try InventoryFiles(["-", "-"]) }
        #expect(twice?.status == .usage)
        #expect(try InventoryFiles(["-"]).size == nil)
    }

    @Test
    func `how much of a file has been read is known, packed or not`() throws {
        try withFolder { folder in
            let path = folder + "/inventory.csv"
            try Data(repeating: 0x0A, count: 1 << 20).write(to: URL(fileURLWithPath: path))
            let source = try InventorySource(InventoryFile(path: path, size: 1 << 20))
            #expect(source.position == 0)
            _ = try source.next()
            #expect(source.position == 1 << 18)
        }
    }
}
