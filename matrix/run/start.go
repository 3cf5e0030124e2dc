package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"wsgimatrix/matrix/engine"
	"wsgimatrix/matrix/plan"
)

// Spec is a cell as an engine has to know it; setup, if there is one, is how its server is to
// be set up.
func Spec(c plan.Cell, setup *plan.Setup, images Images) (engine.Spec, error) {
	s, a := c.Server, c.App
	image, appImage := images.Servers[s.Name], images.Apps[a.Name]
	switch {
	case image == "":
		return engine.Spec{}, fmt.Errorf("there is no image of server %s: its build failed\n%s", s.Name, images.Why[s.Name])
	case appImage == "":
		return engine.Spec{}, fmt.Errorf("there is no image of app %s: its build failed\n%s", a.Name, images.Why[a.Name])
	}
	spec := engine.Spec{
		Server: s.Name, App: a.Name, Image: image, AppImage: appImage,
		Callable: a.Callable, Port: s.Port, Stop: s.Stop, Env: c.Environment(), Own: Command(s.Command, a.Callable),
	}
	if setup != nil {
		spec.Command = Command(setup.Command, a.Callable)
		maps.Copy(spec.Env, setup.Env)
	}
	return spec, nil
}

// Command puts the callable where a command has {app}; nil stays nil.
func Command(command []string, callable string) []string {
	var words []string
	for _, word := range command {
		words = append(words, strings.ReplaceAll(word, "{app}", callable))
	}
	return words
}

// Start starts a cell and waits until it answers. One that does not is removed again.
func Start(ctx context.Context, e engine.Engine, spec engine.Spec, limits Limits) (engine.Instance, error) {
	cell, err := e.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := await(ctx, cell, limits); err != nil {
		return nil, errors.Join(err, cell.Remove(context.WithoutCancel(ctx)))
	}
	return cell, nil
}
