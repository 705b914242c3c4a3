import Foundation
import Testing

@testable import cadastre

@Suite
struct `Files` {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "cadastre-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

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
            var keys: [String] = []
            while let file = walk.next() {
                keys.append(String(decoding: file.relativePath, as: UTF8.self))
                #expect(file.size == UInt64(file.relativePath.count))
                #expect(file.modifiedMilliseconds > 1_500_000_000_000)
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

    @Test
    func `content types follow the end of the name`() {
        #expect(MediaType.of(Array("a/b.HTML".utf8)) == "text/html")
        #expect(MediaType.of(Array("a.d/b".utf8)) == "application/octet-stream")
        #expect(MediaType.of(Array(".txt".utf8)) == "application/octet-stream")
        #expect(MediaType.of(Array("x.tar.gz".utf8)) == "application/gzip")
        #expect(MediaType.of([]) == "application/octet-stream")
    }

    @Test
    func `what was acknowledged before a kill counts, a cut line does not`() throws {
        try withFolder { folder in
            let path = folder + "/list"
            let list = try AcknowledgedList(path: path)
            list.add(bucket: Array("doc".utf8), key: [0x0A, 0x2F, 0xFF])
            list.add(bucket: Array("doc".utf8), key: Array("b".utf8))
            list.add(bucket: Array("other".utf8), key: Array("c".utf8))
            #expect(!list.isIncomplete)
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("doc/cut-of".utf8))
            try handle.close()
            let keys = try AcknowledgedList.keys(path: path, bucket: Array("doc".utf8))
            #expect(keys == [[0x0A, 0x2F, 0xFF], Array("b".utf8)])
            try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: Failure.self) {
                try AcknowledgedList.keys(path: path, bucket: [])
            }
            #expect(failure?.status == .badData)
        }
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

    @Test
    func `digests are compared at equal indices only`() {
        func node(_ index: UInt64, _ digest: String) -> VerifyVerb.Node {
            .init(
                node: 1,
                endpoint: "h:1",
                applied_index: index,
                kept: digest,
                computed: digest,
                rows: 1
            )
        }
        #expect(VerifyVerb.areEqual([node(1, "a"), node(1, "a"), node(2, "b")]))
        #expect(!VerifyVerb.areEqual([node(1, "a"), node(1, "b")]))
    }
}
