// A second opinion from Go's own transparency-log library: interop FOLDER VKEY [ENTRY...] proves entries of a log.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A folder of tlog-tiles, whose paths are Go's without the height, and with "entries" for "data".
type folder string

func (f folder) read(path string) []byte         { return must(os.ReadFile(string(f) + "/" + path)) }
func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) (found [][]byte, err error) {
	for _, tile := range tiles {
		name := strings.NewReplacer("tile/8/data", "tile/entries", "tile/8", "tile").Replace(tile.Path())
		found = append(found, f.read(name))
	}
	return found, nil
}

func main() {
	public, verifier := folder(os.Args[1]), must(note.NewVerifier(os.Args[2]))
	signed := must(note.Open(public.read("checkpoint"), note.VerifierList(verifier)))
	var origin, encoded string
	var size, index int64
	must(fmt.Sscan(signed.Text, &origin, &size, &encoded))
	root := must(tlog.ParseHash(encoded))
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, public) // checks each tile against the root
	for _, word := range os.Args[3:] {
		must(fmt.Sscan(word, &index))
		bundle := tlog.Tile{H: 8, L: -1, N: index / 256, W: int(min(256, size-index/256*256))}
		data := must(public.ReadTiles([]tlog.Tile{bundle}))[0]
		for range index % 256 {
			data = data[2+int(data[0])<<8+int(data[1]):]
		}
		leaf := tlog.RecordHash(data[2 : 2+int(data[0])<<8+int(data[1])])
		must(0, tlog.CheckRecord(must(tlog.ProveRecord(size, index, hashes)), size, root, index, leaf))
		if index > 0 {
			old, growth := must(tlog.TreeHash(index, hashes)), must(tlog.ProveTree(size, index, hashes))
			must(0, tlog.CheckTree(growth, size, root, index, old))
		}
	}
	fmt.Printf("%s %d %s %d proven\n", origin, size, root, len(os.Args)-3)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
