import CadastreDisk
import Foundation
import Testing

@testable import cadastre

@Suite
struct `Files` {
    @Test
    func `keys are relative paths in byte order, links are skipped and counted`() throws {
        try withFolder { folder in
            let manager = FileManager.default
            try manager.createDirectory(
                atPath: folder + "/b/c",
                withIntermediateDirectories: true
            )
            for name in ["z", "a b", "b/c/été.txt", "b/x", "B"] {
                try Data(name.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            try manager.createSymbolicLink(
                atPath: folder + "/link",
                withDestinationPath: folder + "/z"
            )
            try manager.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder)
            var walk = try FileWalk(folder + "//")
            #expect(walk.count() == 5)
            var keys: [String] = []
            while let file = walk.next() {
                keys.append(String(decoding: file.relativePath, as: UTF8.self))
                #expect(file.size == UInt64(file.relativePath.count))
            }
            #expect(keys == ["B", "a b", "b/c/été.txt", "b/x", "z"])
            #expect(walk.skipped.links == 2)
        }
    }

    @Test
    func `names that are no text keep their bytes`() throws {
        try withFolder { folder in
            let path = Array(folder.utf8) + [0x2F, 0xFF, 0xFE, 0]
            let descriptor = path.withUnsafeBytes {
                open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_CREAT | O_WRONLY, 0o600)
            }
            try #require(descriptor >= 0)
            close(descriptor)
            var walk = try FileWalk(folder)
            #expect(walk.next()?.relativePath == [0xFF, 0xFE])
        }
    }

    @Test
    func `a missing folder is a missing input`() {
        let failure = #expect(throws: Failure.self) { try FileWalk("/nonexistent/folder") }
        #expect(failure?.status == .missingInput)
    }

    private func facts(
        _ path: String,
        _ links: FileFacts.Links
    ) throws(FileFacts.Unreadable) -> FileFacts {
        var buffer = [UInt8](repeating: 0, count: 4)
        return try FileFacts(
            path: Array(path.utf8),
            key: Array("k".utf8),
            links: links,
            hash: SHA256(),
            buffer: &buffer
        )
    }

    @Test
    func `a named link leads to its file, a walked one does not`() throws {
        try withFolder { folder in
            try Data("abc".utf8).write(to: URL(fileURLWithPath: folder + "/file.txt"))
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/link",
                withDestinationPath: folder + "/file.txt"
            )
            let facts = try facts(folder + "/link", .followed)
            #expect(facts.size == 3)
            #expect(
                Hexadecimal.encode(facts.checksum)
                    == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            )
            #expect(throws: FileFacts.Unreadable.self) {
                try self.facts(folder + "/link", .refused)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `what is no regular file has no content, and nobody waits for some`() throws {
        try withFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            for path in [folder + "/pipe", folder, "/dev/zero"] {
                let refused = #expect(throws: FileFacts.Unreadable.self) {
                    try facts(path, .followed)
                }
                #expect(refused?.reason == "it is no regular file", "\(path)")
            }
            let missing = #expect(throws: FileFacts.Unreadable.self) {
                try facts(folder + "/none", .followed)
            }
            #expect(missing?.reason == "No such file or directory")
        }
    }

    @Test
    func `content types follow the end of the name`() {
        #expect(MediaType.of(Array("a/b.HTML".utf8)) == "text/html")
        #expect(MediaType.of(Array("a.d/b".utf8)) == "application/octet-stream")
        #expect(MediaType.of(Array(".txt".utf8)) == "application/octet-stream")
        #expect(MediaType.of(Array("x.tar.gz".utf8)) == "application/gzip")
        #expect(MediaType.of([]) == "application/octet-stream")
    }

    @Test
    func `a cluster is founded of members with sites and addresses`() throws {
        var next: UInt64 = 0
        let genesis = try Genesis(
            cluster: "lutece",
            members: [
                "id=2,site=fr/lyon/lyo1/op,peer=h:4,client=h:5,administration=h:6,role=learner",
                "id=1,site=fr/paris/par1/op,peer=h:1,client=h:2,administration=h:3",
            ]
        ) {
            next += 1
            return next
        }
        #expect(genesis.clusterID == "00000000000000010000000000000002")
        #expect(genesis.members.map(\.id) == [1, 2])
        #expect(genesis.members.map(\.role) == ["voter", "learner"])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data = try encoder.encode(genesis)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(Set(object.keys) == ["cluster", "cluster_id", "members"])
        let member = try #require((object["members"] as? [[String: Any]])?.first)
        #expect(
            Set(member.keys) == [
                "id", "incarnation", "role", "site", "peer_address", "client_address",
                "administration_address",
            ]
        )
        #expect(try JSONDecoder().decode(Genesis.self, from: data) == genesis)
    }

    @Test(arguments: [
        [], ["id=1"], ["id=0,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3"],
        ["id=1,site=fr/p/p,peer=h:1,client=h:2,administration=h:3"],
        ["id=1,site=fr/p/p/o,peer=h,client=h:2,administration=h:3"],
        ["id=1,site=fr/p/p/o,peer=h:1,client=h:1,administration=h:3"],
        ["id=1,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3,role=king"],
        ["id=1,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3,role=learner"],
        ["id=1,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3,x=y"],
        ["id=1,id=2,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3"],
        [
            "id=1,site=fr/p/p/o,peer=h:1,client=h:2,administration=h:3",
            "id=1,site=fr/p/p/o,peer=h:4,client=h:5,administration=h:6",
        ],
    ])
    func `wrong members are refused with exit code 64`(_ members: [String]) {
        let failure = #expect(throws: Failure.self) {
            try Genesis(cluster: "lutece", members: members) { 1 }
        }
        #expect(failure?.status == .usage)
    }
}

/// Does something in a folder that is gone afterwards.
func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "cadastre-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // A leftover folder is harmless.
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}
